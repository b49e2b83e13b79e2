package webhook_test

import (
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestClockBehind has people let a volume start empty for a while that is over by the
// apiserver's clock, and not yet by ours.
func TestClockBehind(t *testing.T) {
	until := now.Add(time.Minute)
	empty := map[string]string{"decision": "allow OptedOut"}
	restored := map[string]string{"decision": "restore Restored", "snapshot": hoursAgo(1).Obj().Name}
	for what, test := range map[string]struct {
		written time.Duration // after our time
		want    map[string]string
	}{
		"earlier":              {-time.Hour, empty},
		"before it is over":    {30 * time.Second, empty},
		"after it is over":     {2 * time.Minute, restored},
		"of no time on a node": {48 * time.Hour, empty},
	} {
		t.Run(what, func(t *testing.T) {
			s := siteOf(hoursAgo(1).Annotate(v1alpha1.AnnotationStartEmptyUntil, until.Format(time.RFC3339)))
			review := reviewOf(t, strimziReview, func(pvc *corev1.PersistentVolumeClaim) {
				pvc.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "operator"}, {Manager: "another", Time: &metav1.Time{Time: now.Add(test.written)}}}
			})
			wantAnswer(t, s.ask(t, review), http.StatusOK, test.want)
		})
	}
}
