package check

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// wished is what people have said of the restore of a claim, and had said since shortly
// before the webhook was asked: latest or off, where nobody says anything else. Empty:
// it changed meanwhile, or nobody says it.
func wished(h *history.History, c *history.Claim) string {
	from, to := asked(h, c).Add(-grace), c.First().Revision
	if own := c.First().Object.Annotations[v1alpha1.AnnotationRestore]; own != "" {
		return own
	}
	backups, quorum := map[string]bool{}, map[string]bool{}
	latest := false // throughout, of one at least
	for key, life := range h.Backups {
		if !strings.HasPrefix(key, c.Namespace+"/") {
			continue
		}
		said := values(life.In(from, to), v1alpha1.AnnotationRestore)
		latest = latest || only(said, v1alpha1.ValueLatest)
		for value := range said {
			backups[value] = true
		}
		for value := range values(life.In(from, to), v1alpha1.AnnotationRestoreQuorum) {
			quorum[value] = true
		}
	}
	delete(quorum, "")
	switch {
	case c.Volume.Controller && !only(quorum, v1alpha1.ValueTrue):
		return ""
	case latest && !backups[v1alpha1.ValueOff]:
		return v1alpha1.ValueLatest
	case only(backups, v1alpha1.ValueOff):
		return v1alpha1.ValueOff
	case !only(backups, ""):
		return ""
	}
	if life := h.Namespaces[c.Namespace]; life != nil {
		for _, value := range []string{v1alpha1.ValueOff, v1alpha1.ValueLatest} {
			if only(values(life.In(from, to), v1alpha1.AnnotationRestore), value) {
				return value
			}
		}
	}
	return ""
}

// values are those that an annotation had in some of the versions; empty: none.
func values[T any, P interface {
	*T
	metav1.Object
}](versions []P, key string) map[string]bool {
	found := map[string]bool{}
	for _, v := range versions {
		value := ""
		if v != nil {
			value = v.GetAnnotations()[key]
		}
		found[value] = true
	}
	return found
}

func only(values map[string]bool, value string) bool { return len(values) == 1 && values[value] }

// mayStartEmpty reports whether a person has pinned an empty start, at some time since
// shortly before the webhook was asked about a claim.
func mayStartEmpty(h *history.History, c *history.Claim) bool {
	at := asked(h, c)
	for _, s := range h.SnapshotsOf(c.Volume) {
		for value := range values(s.Life.In(at.Add(-grace), c.First().Revision), v1alpha1.AnnotationStartEmptyUntil) {
			if until, err := time.Parse(time.RFC3339, value); err == nil && !until.Before(at.Add(-grace)) {
				return true
			}
		}
	}
	return false
}
