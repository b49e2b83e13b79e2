package scheduler

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestTemplatesAreListedOnceAMinute has many claims, and an apiserver that fails
// later. Then the known templates stay in use, and it still gets no more than one
// request a minute.
func TestTemplatesAreListedOnceAMinute(t *testing.T) {
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "kafka"},
		Spec:       appsv1.StatefulSetSpec{VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*snapshotstest.PlainClaim("data").Request("1Gi").Obj()}},
	}
	lists, failing := 0, false
	clock := clockwork.NewFakeClock()
	r := &Reconciler{Clock: clock, APIReader: fake.NewClientBuilder().WithObjects(set).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if lists++; failing {
				return errors.New("away")
			}
			return c.List(ctx, list, options...)
		},
	}).Build()}
	look := func(want int) {
		t.Helper()
		for broker := range 100 {
			pvc := snapshotstest.StatefulSetClaim("kafka", broker).Request("2Gi").Obj()
			if got := r.templatesIn(t.Context(), "kafka").Request(pvc); got.String() != "1Gi" {
				t.Fatalf("%s is asked for", got.String())
			}
		}
		if lists != want {
			t.Fatalf("StatefulSets were listed %d times, %d expected", lists, want)
		}
	}
	look(1)
	clock.Advance(templatesKept - time.Second)
	look(1)
	clock.Advance(time.Second)
	look(2)
	failing = true
	clock.Advance(templatesKept)
	look(3)
}
