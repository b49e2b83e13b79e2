package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/e2e/chaos/check"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// A timeline has the last records before a violation, and a few after it.
const (
	timelineLines = 45
	timelineAfter = 200 // records
)

// printTimeline prints what the record has about the volume of a violation, the last
// of it before the violation.
func printTimeline(w io.Writer, path string, v check.Violation) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	var lines []string
	err = record.Read(file, func(r record.Record) error {
		if r.Seq > v.Seq+timelineAfter {
			return nil
		}
		if what := line(r, v); what != "" {
			mark := " "
			if r.Seq == v.Seq {
				mark = ">"
			}
			lines = append(lines, fmt.Sprintf("%s %6d %s %s", mark, r.Seq, r.Time.Format("15:04:05.000"), what))
			if r.Seq <= v.Seq && len(lines) > timelineLines {
				lines = lines[1:]
			}
		}
		return nil
	})
	fmt.Fprintln(w, strings.Join(lines[:min(len(lines), timelineLines+15)], "\n"))
	return err
}

// line is a record in a timeline; empty: it has nothing to do with the violation.
func line(r record.Record, v check.Violation) string {
	_, name, _ := strings.Cut(v.Volume, "/")
	about := func(namespace, other string) bool { return namespace == v.Namespace && strings.HasPrefix(other, name) }
	switch {
	case r.Step != nil && (r.Step.Kind != "operation" || concerns(r.Step.Args, v.Namespace)):
		return fmt.Sprintf("%s %s %v end=%v %s", r.Step.Kind, r.Step.Name, r.Step.Args, r.Step.End, r.Step.Error)
	case r.Ended != nil:
		return fmt.Sprintf("%s ended: %s", r.Ended.Program, r.Ended.Why)
	case r.Admission != nil && about(r.Admission.Namespace, r.Admission.Name):
		a := r.Admission
		return fmt.Sprintf("admission of %s by %s since %s: %d %s %s", a.Name, a.Replica, a.Began.Format(time.TimeOnly), a.Status, a.Decision, a.Snapshot)
	case r.Write != nil && strings.Contains(r.Write.Path, "/namespaces/"+v.Namespace+"/") && strings.Contains(r.Write.Path, "/"+name):
		w := r.Write
		return fmt.Sprintf("%s: %s %s %d %s", w.Component, w.Verb, w.Path[strings.LastIndex(w.Path, "/")+1:], w.Status, w.Fault)
	case r.Bound != nil && r.Bound.Volume == v.Volume:
		return fmt.Sprintf("claim %s is bound, its volume has %d lines up to write %d", r.Bound.Claim, r.Bound.Content.Lines, r.Bound.Content.Last)
	case r.Broker != nil && strings.HasSuffix(v.Volume, "/"):
		return fmt.Sprintf("broker %d on claim %s, ended: %q", r.Broker.Node, r.Broker.UID, r.Broker.Ended)
	case r.Object != nil && about(r.Object.Namespace, r.Object.Name):
		return objectLine(r.Object)
	}
	return ""
}

// concerns reports whether an operation was aimed at a namespace; empty: at any.
func concerns(args map[string]string, namespace string) bool {
	return namespace == "" || args["cluster"] == namespace || strings.HasPrefix(args["volume"], namespace+"/")
}

func objectLine(o *record.Object) string {
	what := fmt.Sprintf("%s %s at %d", o.Resource, o.Name, o.Revision)
	if o.Gone {
		return what + " is gone"
	}
	var some struct {
		Metadata metav1.ObjectMeta
		Spec     struct{ DataSource struct{ Name string } }
		Status   struct {
			Phase        string
			ReadyToUse   *bool
			CreationTime string
		}
	}
	if json.Unmarshal(o.Object, &some) != nil {
		return what
	}
	if some.Spec.DataSource.Name != "" {
		what += " from " + some.Spec.DataSource.Name
	}
	if some.Status.Phase != "" {
		what += " " + some.Status.Phase
	}
	if some.Status.CreationTime != "" {
		what += " cut " + some.Status.CreationTime
	}
	if r := some.Status.ReadyToUse; r != nil && *r {
		what += " ready"
	}
	if some.Metadata.DeletionTimestamp != nil {
		what += " deleting"
	}
	for _, key := range []string{"pruning", "hold", "restore-next", "abandoned", "start-empty-until", "proven"} {
		if value, ok := some.Metadata.Annotations["snapback.dev/"+key]; ok {
			what += " " + key + "=" + value
		}
	}
	return what
}
