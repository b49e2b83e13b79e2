package check

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/snapback-dev/snapback/e2e/chaos/history"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// plugin is the component of kubectl snapback, and declines the operation in which a
// person reads its plan and does not say yes.
const (
	plugin   = "plugin"
	declines = "decline-restore"
)

// No command of the plugin changes anything before a person has said yes.
var _ = register(Check{Name: "asked-first", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, r := range h.Writes {
		w := r.Write
		if w.Component != plugin || w.Status == 0 || w.Status >= http.StatusMultipleChoices || strings.Contains(w.Query, "dryRun=") {
			continue
		}
		if namespace := namespaceIn(w.Path); namespace != "" && onlyDeclined(h, namespace, r) {
			found = append(found, Violation{Namespace: namespace, Seq: r.Seq,
				What: fmt.Sprintf("the plugin sent %s %s, and nobody had said yes", w.Verb, w.Path)})
		}
	}
	return found
}})

// onlyDeclined reports whether all that people did in a namespace during a write was
// not to say yes.
func onlyDeclined(h *history.History, namespace string, write record.Record) bool {
	running := map[string]int{}
	for _, r := range h.Steps {
		if r.Seq > write.Seq {
			break
		}
		s := r.Step
		if s.Kind != "operation" || s.Args["cluster"] != namespace && !strings.HasPrefix(s.Args["volume"], namespace+"/") {
			continue
		}
		if s.End && r.Time.Before(write.Write.Began) {
			running[s.Name]--
		} else if !s.End {
			running[s.Name]++
		}
	}
	declined := running[declines] > 0
	delete(running, declines)
	for _, n := range running {
		declined = declined && n == 0
	}
	return declined
}
