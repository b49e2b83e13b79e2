package check

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// minute is how long a snapshot must have been marked, less what may lie between the
// stamp and the write of it.
const minute = 50 * time.Second

// Snapback deletes a snapshot only as it was read, and one that was cut only after a
// minute in which its mark kept the webhook from giving it to a claim.
var _ = register(Check{Name: "marked-first", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, r := range h.Writes {
		s := deletedBy(h, r)
		if s == nil {
			continue
		}
		if what := deletedHastily(h, s, r); what != "" {
			found = append(found, Violation{Namespace: s.Namespace, Volume: s.Volume.Key, Seq: r.Seq,
				What: fmt.Sprintf("%s deleted VolumeSnapshot %s %s", r.Write.Component, s.Name, what)})
		}
	}
	return found
}})

// deletedHastily says what was not done before a deletion; empty: nothing.
func deletedHastily(h *history.History, s *history.Snapshot, r record.Record) string {
	var options metav1.DeleteOptions
	if err := json.Unmarshal(r.Write.Body, &options); err != nil || options.Preconditions == nil ||
		options.Preconditions.UID == nil || options.Preconditions.ResourceVersion == nil {
		return "whatever it was then: the request has not both preconditions"
	}
	if string(*options.Preconditions.UID) != s.UID {
		return "by the UID of another one"
	}
	last := s.Life.At(s.Deleted().Revision - 1)
	if last == nil || !wasCut(last) || s.IsLost(s.Deleted().Revision-1) {
		return ""
	}
	mark := last.Annotations[v1alpha1.AnnotationPruning]
	if mark == "" {
		return "without a mark"
	}
	if marked := markedAt(h, s, mark); r.Write.Began.Sub(marked) < minute && !clockMoved(h, r.Write.Component, marked, r.Write.Began) {
		return fmt.Sprintf("%s after it was marked", r.Write.Began.Sub(marked).Round(time.Millisecond))
	}
	return ""
}

func wasCut(vs *snapshotv1.VolumeSnapshot) bool {
	return vs.Status != nil && (vs.Status.CreationTime != nil || vs.Status.ReadyToUse != nil && *vs.Status.ReadyToUse)
}

// markedAt is when a mark was written: when it was sent, if the proxy saw that, or
// else when etcd told of it, which can be later.
func markedAt(h *history.History, s *history.Snapshot, mark string) time.Time {
	for _, r := range h.Writes {
		w := r.Write
		if w.Verb == http.MethodPatch && strings.HasSuffix(w.Path, "/namespaces/"+s.Namespace+"/volumesnapshots/"+s.Name) && strings.Contains(string(w.Body), mark) {
			return w.Began
		}
	}
	for _, v := range s.Life {
		if v.Object != nil && v.Object.Annotations[v1alpha1.AnnotationPruning] == mark {
			return v.Time
		}
	}
	return time.Time{}
}

// clockMoved reports whether a program's clock was wrong at some time between two
// times, by which the program cannot know how long that is.
func clockMoved(h *history.History, program string, from, to time.Time) bool {
	wrong := 0
	for _, r := range h.Steps {
		s := r.Step
		if s.Kind != "fault" || !strings.Contains(s.Name, "clock") || s.Args["program"] != program || r.Time.After(to) {
			continue
		}
		if !r.Time.Before(from) {
			return true
		}
		if wrong++; s.End {
			wrong -= 2
		}
	}
	return wrong > 0
}
