package screen

import (
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// large is a cluster of many volumes, each with a ready snapshot of many hourly runs.
// The fake client would take minutes to store its objects.
func large(t testing.TB, volumes, runs int) *inventory.Inventory {
	t.Helper()
	var claims []corev1.PersistentVolumeClaim
	var taken []snapshotv1.VolumeSnapshot
	for n := range volumes {
		c := snapshotstest.StatefulSetClaim("kafka", n).Class("ssd")
		claims = append(claims, *bound(c))
		for r := range runs {
			taken = append(taken, *snapshotstest.NewSnapshot(c, hourly(), driver, ago(time.Duration(r+1)*time.Hour)).Ready().Obj())
		}
	}
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{List: snapshotstest.Listed(claims, taken)}).
		WithObjects(observed(hourly(), nil), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}}).Build()
	i, err := inventory.Load(t.Context(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func BenchmarkStatuses(b *testing.B) {
	i := large(b, 1000, 50)
	for b.Loop() {
		i.Statuses(now)
	}
}

// BenchmarkCluster makes the page of a cluster; BenchmarkStatuses is a part of it.
func BenchmarkCluster(b *testing.B) {
	i := large(b, 1000, 50)
	for b.Loop() {
		if c, ok := NewCluster(i, key, Part{}, now); !ok || len(c.Picture.Rows) != perPage {
			b.Fatal(len(c.Picture.Rows))
		}
	}
}
