package check

import (
	"fmt"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// A claim is restored as people have asked for: from the snapshot that they have pinned,
// from none that they have not, and not at all if it is opted out.
var _ = register(Check{Name: "as-asked", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, c := range h.Claims {
		if c.Source() == "" {
			continue
		}
		if what := notAsked(h, c); what != "" {
			found = append(found, Violation{Namespace: c.Namespace, Volume: c.Volume.Key, Seq: c.First().Seq,
				What: fmt.Sprintf("claim %s (%s) was restored from VolumeSnapshot %s, %s", c.Name, c.UID, c.Source(), what)})
		}
	}
	return found
}})

// notAsked says what people have asked for in place of a restore; empty: nothing.
func notAsked(h *history.History, c *history.Claim) string {
	if wished(h, c) == v1alpha1.ValueOff {
		return "and was opted out"
	}
	from := asked(h, c).Add(-grace)
	by := c.First().Object.Annotations[v1alpha1.AnnotationRestoredBy] == "restore-next"
	var pinned []string // throughout
	for _, s := range h.SnapshotsOf(c.Volume) {
		at := values(s.Life.In(from, c.First().Revision), v1alpha1.AnnotationRestoreNext)
		if s.Name == c.Source() && by && !at[v1alpha1.ValueTrue] {
			return "as pinned, and it was not"
		}
		if only(at, v1alpha1.ValueTrue) && s.Life.During(from, c.First().Revision, history.Usable) && !changed(s, from, c.First().Revision) {
			pinned = append(pinned, s.Name)
		}
	}
	// A pin of a controller's volume is passed over when it is old.
	if len(pinned) == 1 && pinned[0] != c.Source() && !c.Volume.Controller && !by {
		return fmt.Sprintf("although %s was pinned", pinned[0])
	}
	return ""
}
