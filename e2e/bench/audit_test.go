package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// event is a line of an audit log.
func event(user, verb, resource, stage, uri string, code int) string {
	return fmt.Sprintf(`{"verb":%q,"stage":%q,"requestURI":%q,"user":{"username":%q},"objectRef":{"resource":%q},"responseStatus":{"code":%d}}`+"\n",
		verb, stage, uri, user, resource, code)
}

func TestAuditCountsWhatSnapbackAsked(t *testing.T) {
	const us, began, ended = "system:serviceaccount:snapback-system:snapback", "ResponseStarted", "ResponseComplete"
	file := filepath.Join(t.TempDir(), "audit.log")
	write := func(lines ...string) {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close() //nolint:errcheck // WriteString would have failed
		for _, line := range lines {
			if _, err := f.WriteString(line); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := &auditor{file: file}
	last := event(us, "get", "namespaces", ended, "/", 200)
	write(
		event(us, "watch", "volumesnapshots", began, "/x?watch=true", 200),
		event(us, "watch", "volumesnapshots", ended, "/x?watch=true", 200),
		event(us, "watch", "volumesnapshots", began, "/x?sendInitialEvents=true", 200),
		event(us, "watch", "volumesnapshots", ended, "/x", 429),
		event(us, "list", "volumesnapshots", ended, "/x?limit=500", 200),
		event(us, "list", "volumesnapshots", ended, "/x?limit=500&continue=abc", 200),
		event(us, "update", "leases", ended, "/", 200),
		event("system:admin", "list", "volumesnapshots", ended, "/", 200),
		last[:10],
	)
	for _, want := range []string{
		"list by watch volumesnapshots 1, list volumesnapshots 1, next page volumesnapshots 1, watch volumesnapshots (429) 1, watch volumesnapshots 1",
		"get namespaces 1", // the line was not complete before
		"none",
	} {
		got, err := a.next()
		if err != nil || got.String() != want {
			t.Errorf("%s, %v; expected %s", got, err, want)
		}
		if want[0] == 'l' {
			if got.mostLists() != 2 {
				t.Errorf("%d lists of snapshots; expected 2", got.mostLists())
			}
			write(last[10:])
		}
	}
}
