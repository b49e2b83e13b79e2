package inventory_test

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// A claim that was expanded by hand is judged by what its StatefulSet asks for
// again, once it is gone too; one that somebody asks about, as it is.
func TestExpandedByHand(t *testing.T) {
	t.Parallel()
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: snapshotstest.Namespace, Name: "kafka"},
		Spec:       appsv1.StatefulSetSpec{VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*snapshotstest.PlainClaim("data").Request("1Gi").Obj()}},
	}
	expanded := claim(0).Request("2Gi")
	live, good, kb := bound(expanded, corev1.ClaimBound), snapshot(expanded, time.Hour).Obj(), observed(hourly(), nil)
	for name, test := range map[string]struct {
		objects []client.Object
		want    v1alpha1.Reason
	}{
		"its StatefulSet was not":          {[]client.Object{set, live, good, kb}, v1alpha1.ReasonTooSmall},
		"its StatefulSet was not, is lost": {[]client.Object{set, good, kb}, v1alpha1.ReasonTooSmall},
		"of no StatefulSet":                {[]client.Object{live, good, kb}, v1alpha1.ReasonRestored},
		"of no StatefulSet, is lost":       {[]client.Object{good, kb}, v1alpha1.ReasonRestored},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := load(t, test.objects...)
			if got := i.IfLost(&i.Volumes[0], now); got.Reason != test.want {
				t.Errorf("%s, want %s: %s", got.Reason, test.want, got.Message)
			}
		})
	}
	i := load(t, set, live, good, kb)
	asked, _, err := i.VolumeOf(t.Context(), fake.NewClientBuilder().Build(), expanded.Obj())
	if err != nil {
		t.Fatal(err)
	}
	if got := i.IfLost(asked, now); got.Reason != v1alpha1.ReasonRestored {
		t.Errorf("a claim that is asked about is judged by another request: %s: %s", got.Reason, got.Message)
	}
	again := expanded.Obj()
	i.RequestAgain(again)
	asked.Claims[0] = again
	if got := i.IfLost(asked, now); got.Reason != v1alpha1.ReasonTooSmall {
		t.Errorf("a live claim, as it would be created again: %s, want %s", got.Reason, v1alpha1.ReasonTooSmall)
	}
}

// Who may not list StatefulSets or StorageClasses is told what the claims say, and what
// is not known.
func TestWithoutStatefulSets(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			switch list.(type) {
			case *appsv1.StatefulSetList, *storagev1.StorageClassList:
				return apierrors.NewForbidden(appsv1.Resource("any"), "", nil)
			}
			return c.List(ctx, list, options...)
		},
	}).WithObjects(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}},
		bound(claim(0), corev1.ClaimBound), snapshot(claim(0), time.Hour).Size("2Gi").Obj(), observed(hourly(), nil)).Build()
	i, err := inventory.Load(t.Context(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(i.Notes, "\n"); len(i.Notes) != 2 || !strings.Contains(notes, "statefulsets") || !strings.Contains(notes, "storageclasses") {
		t.Errorf("it notes %q", i.Notes)
	}
	if got := i.IfLost(&i.Volumes[0], now); got.Reason != v1alpha1.ReasonTooSmall {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
}
