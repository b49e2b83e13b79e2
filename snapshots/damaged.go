package snapshots

import (
	"fmt"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// sound returns the candidates without those that a restore drill found damaged,
// or all of them if all are damaged. It is asked last: a broker that does not
// start is seen at once, but one that starts with other data, or with none, is
// not.
func sound(candidates []Snapshot, t trace) []Snapshot {
	candidates = avoid(candidates, func(s *Snapshot) bool { return s.Damaged })
	t.leave(candidates, PassedDamaged, "a restore drill found it damaged; to get it after all, annotate it with "+v1alpha1.AnnotationRestoreNext+"=true")
	return candidates
}

// lastOf returns the newest damaged candidate that is newer than the chosen one,
// or the chosen one if there is none. It shows how long the volume was there. The
// candidates are sorted.
func lastOf(candidates []Snapshot, chosen Snapshot) Snapshot {
	for i := range candidates {
		if s := &candidates[i]; s.Damaged && newestFirst(*s, chosen) < 0 {
			return *s
		}
	}
	return chosen
}

// besides returns what a refusal of the chosen snapshot says of a newer one that is
// damaged; empty: there is none. It names no snapshot, so that it stays the same.
func (c choice) besides() string {
	if c.last.Name == c.Name {
		return ""
	}
	return " (a restore drill found a newer one damaged)"
}

// damageWarning returns what a person should know of a restore from a damaged
// snapshot; nil: it is not damaged. pinned says that restore-next asks for it.
func damageWarning(s Snapshot, pinned bool) []string {
	if !s.Damaged {
		return nil
	}
	why := "there is none better"
	if pinned {
		why = v1alpha1.AnnotationRestoreNext + " asks for it"
	}
	return []string{fmt.Sprintf("a restore drill found VolumeSnapshot %s damaged, and %s: the broker may not start, or may lack records; "+
		"its annotation %s says what is damaged; kubectl snapback start-empty lets the broker start without it", s.Name, why, v1alpha1.AnnotationVerified)}
}
