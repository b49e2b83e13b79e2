package cluster

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// accountPrefix begins the apiserver's names for Snapback's ServiceAccounts.
const accountPrefix = "system:serviceaccount:" + Namespace + ":"

// Use is a verb of a resource, a subresource being "resource/sub".
type Use struct{ Group, Resource, Verb string }

// The uses of Snapback's rights that other tests cause, not the end-to-end tests:
// those of the scheduler, where time passes quickly, those of the command, which
// have a certificate in a Secret, and those of the webhook, since no test can
// delay a cache from outside.
var (
	SchedulerUses = []Use{
		{"", "configmaps", "patch"},
		{"snapshot.storage.k8s.io", "volumesnapshots", "patch"},
		{"snapshot.storage.k8s.io", "volumesnapshots", "delete"},
		{"snapshot.storage.k8s.io", "volumesnapshotcontents", "get"},
		{"snapshot.storage.k8s.io", "volumesnapshotcontents", "patch"},
		{"apps", "statefulsets", "list"},
		{"events.k8s.io", "events", "list"},
	}
	CommandUses = []Use{
		{"", "secrets", "list"},
		{"", "secrets", "watch"},
		{"", "secrets", "create"},
		{"admissionregistration.k8s.io", "mutatingwebhookconfigurations", "update"},
	}
	WebhookUses = []Use{
		{"", "namespaces", "get"},
	}
)

// MustUse returns the exit code of the tests, or a failure if a ServiceAccount of
// Snapback's has not used one of its rights. Then the right is not needed, or
// no test covers its purpose. TestMain calls it after all tests. If only some
// tests were run, it checks nothing.
func (s *Shared) MustUse(code int, account string, uses []Use) int {
	if code != 0 || someTestsOnly() {
		return code
	}
	unused, err := s.unused(account, uses)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, u := range unused {
		fmt.Fprintf(os.Stderr, "no test here made ServiceAccount %s use its right to %s %s of group %q\n", account, u.Verb, u.Resource, u.Group)
		code = 1
	}
	return code
}

func someTestsOnly() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if flag.Lookup(name).Value.String() != "" {
			return true
		}
	}
	return flag.Lookup("test.short").Value.String() == "true"
}

// unused are those of the uses that the ServiceAccount did not make.
func (s *Shared) unused(account string, uses []Use) ([]Use, error) {
	if s.cluster == nil {
		return nil, errors.New("no test has started the embedded cluster")
	}
	made, err := usesMade(s.cluster.AuditLog(), account)
	if err != nil {
		return nil, err
	}
	var unused []Use
	for _, u := range uses {
		// A cache lists what it watches, where the apiserver (before 1.34) may not
		// begin a watch with all that there is.
		listed := u.Verb == "list" && made[Use{u.Group, u.Resource, "watch"}]
		if !made[u] && !listed {
			unused = append(unused, u)
		}
	}
	return unused, nil
}

// usesMade are the uses that the ServiceAccount made and was allowed to make.
func usesMade(auditLog, account string) (map[Use]bool, error) {
	f, err := os.Open(auditLog)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	made := map[Use]bool{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			Verb           string
			User           struct{ Username string }
			ObjectRef      struct{ APIGroup, Resource, Subresource string }
			ResponseStatus struct{ Code int }
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return nil, fmt.Errorf("decode an audit event: %w", err)
		}
		if event.User.Username == accountPrefix+account && event.ResponseStatus.Code != http.StatusForbidden {
			resource := strings.TrimSuffix(event.ObjectRef.Resource+"/"+event.ObjectRef.Subresource, "/")
			made[Use{event.ObjectRef.APIGroup, resource, event.Verb}] = true
		}
	}
	return made, lines.Err()
}
