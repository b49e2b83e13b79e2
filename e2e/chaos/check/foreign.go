package check

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// Nothing that Snapback did not make is deleted by it: it deletes VolumeSnapshots only,
// and of these its own, one at a time.
var _ = register(Check{Name: "own-only", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, r := range h.Writes {
		w := r.Write
		if w.Verb != http.MethodDelete || !history.BySnapback(w.Component) || w.Status >= 300 {
			continue
		}
		what := "which is no VolumeSnapshot"
		if dir, name := path.Split(w.Path); strings.HasSuffix(dir, "/volumesnapshots/") {
			what = notOwn(h, namespaceIn(dir), name, r.Seq)
		}
		if what != "" {
			found = append(found, Violation{Namespace: namespaceIn(w.Path), Seq: r.Seq, What: fmt.Sprintf("%s deleted %s, %s", w.Component, w.Path, what)})
		}
	}
	return found
}})

// notOwn says why a snapshot that was deleted is none of Snapback's.
func notOwn(h *history.History, namespace, name string, seq int64) string {
	for _, s := range h.Snapshots {
		if s.Namespace == namespace && s.Name == name && s.Life[0].Seq < seq {
			if made := s.Life[0].Object; made == nil || made.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy {
				return ""
			}
		}
	}
	return "which Snapback has not made"
}

func namespaceIn(p string) string {
	_, rest, _ := strings.Cut(p, "/namespaces/")
	namespace, _, _ := strings.Cut(rest, "/")
	return namespace
}
