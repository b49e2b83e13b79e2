package check

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// policyGrace is how long it may take until each replica knows what people say on a
// KafkaBackup or a namespace: it knows these from watches alone.
const policyGrace = 30 * time.Second

// byTime are the reasons that come or go while time passes and nothing else changes.
var byTime = []string{"OptedOut", "TooOld", "QuorumVolume", "QuorumUndecided", "Orphaned", "ScaledUp"}

// The same question gets the same answer, byte for byte, as long as nothing has
// changed that it is about, whichever replica answers.
var _ = register(Check{Name: "same-answer", Run: func(h *history.History) []Violation {
	var found []Violation
	last := map[string]record.Record{}
	changed := map[string][]time.Time{}
	for _, r := range h.Admissions {
		a := r.Admission
		if outcome, _ := decided(a); a.Status != http.StatusOK || outcome == "" || outcome == "error" {
			continue
		}
		key := a.Namespace + "/" + a.Name
		before, asked := last[key]
		last[key] = r
		if !asked || !sameQuestion(before.Admission, a) {
			continue
		}
		what := otherAnswer(before.Admission, a)
		if what == "" {
			continue
		}
		if _, known := changed[a.Namespace]; !known {
			changed[a.Namespace] = changes(h, a.Namespace)
		}
		from, to := before.Admission.Began.Add(-grace), r.Time.Add(grace)
		if !slices.ContainsFunc(changed[a.Namespace], func(t time.Time) bool { return t.After(from) && t.Before(to) }) {
			found = append(found, Violation{Namespace: a.Namespace, Volume: volumeOf(h, a), Seq: r.Seq,
				What: fmt.Sprintf("%s answered otherwise about claim %s than %s %s before, and nothing had changed: %s", a.Replica, a.Name,
					before.Admission.Replica, a.Began.Sub(before.Admission.Began).Round(time.Millisecond), what)})
		}
	}
	return found
}})

// sameQuestion reports whether two claims are the same but for what the apiserver has
// given them.
func sameQuestion(a, b *record.Admission) bool {
	var one, other corev1.PersistentVolumeClaim
	if json.Unmarshal(a.Object, &one) != nil || json.Unmarshal(b.Object, &other) != nil {
		return false
	}
	return equality.Semantic.DeepEqual(one.Spec, other.Spec) && equality.Semantic.DeepEqual(one.Labels, other.Labels) &&
		equality.Semantic.DeepEqual(one.Annotations, other.Annotations)
}

// otherAnswer says how the answers differ; empty: they do not, or time may be the
// cause.
func otherAnswer(a, b *record.Admission) string {
	_, before := decided(a)
	_, now := decided(b)
	switch {
	case before != now && (slices.Contains(byTime, before) || slices.Contains(byTime, now)):
		return ""
	case a.Decision != b.Decision:
		return fmt.Sprintf("%q, and now %q", a.Decision, b.Decision)
	case a.Snapshot != b.Snapshot:
		return fmt.Sprintf("source %q, and now %q", a.Snapshot, b.Snapshot)
	case a.Message != b.Message:
		return fmt.Sprintf("%q, and now %q", a.Message, b.Message)
	}
	return ""
}

// changes are the times at which something changed in a namespace that an answer may
// be about. What is known from watches alone counts for as long as it may be unknown.
func changes(h *history.History, namespace string) []time.Time {
	var times []time.Time
	for _, c := range h.Claims {
		if c.Namespace == namespace {
			times = append(times, timesOf(c.Life, 0, nil)...)
		}
	}
	for _, s := range h.Snapshots {
		if s.Namespace == namespace {
			times = append(times, timesOf(s.Life, 0, nil)...)
		}
	}
	for name, life := range h.Backups {
		if strings.HasPrefix(name, namespace+"/") {
			times = append(times, timesOf(*life, policyGrace, func(a, b *v1alpha1.KafkaBackup) bool {
				return equality.Semantic.DeepEqual(a.Spec, b.Spec) && equality.Semantic.DeepEqual(a.Annotations, b.Annotations)
			})...)
		}
	}
	if life := h.Namespaces[namespace]; life != nil {
		times = append(times, timesOf(*life, policyGrace, func(a, b *corev1.Namespace) bool {
			return equality.Semantic.DeepEqual(a.Annotations, b.Annotations)
		})...)
	}
	return times
}

// timesOf are the times of the versions that differ from the one before, each with
// others of the time after it in which it may be unknown.
func timesOf[T any](life history.Life[T], unknown time.Duration, same func(a, b *T) bool) []time.Time {
	var times []time.Time
	for i, v := range life {
		if same != nil && i > 0 && v.Object != nil && life[i-1].Object != nil && same(life[i-1].Object, v.Object) {
			continue
		}
		for late := time.Duration(0); late <= unknown; late += grace {
			times = append(times, v.Time.Add(late))
		}
	}
	return times
}
