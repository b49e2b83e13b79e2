package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
)

// auditor reads what Snapback asked of an apiserver, from its audit log, which has
// the requests of no other client that are counted here.
type auditor struct {
	file string
	read int64 // up to where
}

// asked are requests by what they are, such as "create volumesnapshots".
type asked map[string]int

// next counts the requests since the last call.
func (a *auditor) next() (asked, error) {
	f, err := os.Open(a.file)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	if _, err := f.Seek(a.read, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	counted := asked{}
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // a line that is not complete is read the next time
			return counted, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		a.read += int64(len(line))
		if what, err := request(line); err != nil {
			return nil, err
		} else if what != "" {
			counted[what]++
		}
	}
}

// request says what one event of the audit log is about; empty: nothing of Snapback's
// that is to be counted, or what is counted by another event.
func request(line []byte) (string, error) {
	var event struct {
		Verb, Stage, RequestURI string
		User                    struct{ Username string }
		ObjectRef               struct{ Resource, Subresource string }
		ResponseStatus          struct{ Code int }
	}
	if err := json.Unmarshal(line, &event); err != nil {
		return "", fmt.Errorf("decode an audit event: %w", err)
	}
	if !strings.HasPrefix(event.User.Username, "system:serviceaccount:snapback-system:") || event.ObjectRef.Resource == "leases" {
		return "", nil
	}
	resource := strings.TrimSuffix(event.ObjectRef.Resource+"/"+event.ObjectRef.Subresource, "/")
	failed := ""
	if event.ResponseStatus.Code >= http.StatusBadRequest {
		failed = fmt.Sprintf(" (%d)", event.ResponseStatus.Code)
	}
	switch {
	case event.Verb == "watch" && failed == "":
		if event.Stage != "ResponseStarted" {
			return "", nil
		}
		if strings.Contains(event.RequestURI, "sendInitialEvents=true") {
			return "list by watch " + resource, nil
		}
	case event.Stage != "ResponseComplete":
		return "", nil
	case event.Verb == "list" && strings.Contains(event.RequestURI, "continue="):
		return "next page " + resource, nil
	}
	return event.Verb + " " + resource + failed, nil
}

func (a asked) String() string {
	var said []string
	for what, n := range a {
		said = append(said, fmt.Sprintf("%s %d", what, n))
	}
	if said == nil {
		return "none"
	}
	slices.Sort(said)
	return strings.Join(said, ", ")
}

// of sums the requests whose words begin like that.
func (a asked) of(prefix string) (sum int) {
	for what, n := range a {
		if strings.HasPrefix(what, prefix) {
			sum += n
		}
	}
	return sum
}

// mostLists is how often that resource was listed, of those that are watched, that was
// listed most often.
func (a asked) mostLists() (most int) {
	for what := range a {
		if resource, is := strings.CutPrefix(what, "watch "); is {
			most = max(most, a["list "+resource]+a["list by watch "+resource])
		}
	}
	return most
}
