package screen

import (
	"fmt"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// refusing is the inventory of many lost volumes whose claims are refused, and of many
// KafkaBackups, of which only the last has found a fault.
func refusing(t *testing.T, volumes, backups int) *inventory.Inventory {
	t.Helper()
	var old []snapshotv1.VolumeSnapshot
	for n := range volumes {
		old = append(old, *taken(claim(n), 900).Ready().Obj())
	}
	kb := observed(hourly().Annotate(v1alpha1.AnnotationRestoreMaxAge, "1h"), nil)
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{List: snapshotstest.Listed(nil, old)}).
		WithObjects(kb, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}}).Build()
	i, err := inventory.Load(t.Context(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	one := i.Backups[0]
	for n := range backups {
		b := one
		b.KafkaBackup = one.DeepCopy()
		b.Namespace, b.Name = "other", fmt.Sprint("b", n)
		found := metav1.Condition{Type: v1alpha1.ConditionRestoresVerified, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonVerified, Message: "all are well"}
		if n == backups-1 {
			found.Status, found.Reason = metav1.ConditionFalse, v1alpha1.ReasonRestoreStuck
		}
		b.Status.Conditions = append(b.Status.Conditions, found)
		i.Backups = append(i.Backups, b)
	}
	return i
}

// TestManyRefused shows the first of thousands, those with a fault before others, and
// finds any by the filter.
func TestManyRefused(t *testing.T) {
	t.Parallel()
	const volumes, backups = 3000, 1500
	i := refusing(t, volumes, backups)
	r := NewRestores(i, inventory.ClusterKey{}, Part{}, now)
	if len(r.Refused.Rows) != fewRows || r.Refused.More() != volumes-fewRows || r.Refused.Total() != volumes {
		t.Errorf("of the refused, %d rows and %d more", len(r.Refused.Rows), r.Refused.More())
	}
	if len(r.Verified.Rows) != fewRows || r.Verified.More() != backups-fewRows || r.Verified.Rows[0].Well || !r.Verified.Rows[1].Well {
		t.Errorf("of the verified, %d rows and %d more, the first %+v", len(r.Verified.Rows), r.Verified.More(), r.Verified.Rows[0])
	}
	if want := "kubectl snapback status -A"; r.Look != want {
		t.Errorf("the others are shown by %q, want %q", r.Look, want)
	}
	r = NewRestores(i, inventory.ClusterKey{}, Part{Only: "data-kafka-2999"}, now)
	if rows := r.Refused.Rows; len(rows) != 1 || rows[0].Claim != "data-kafka-2999" || r.Refused.Hidden != volumes-1 || r.Refused.Total() != volumes || r.Refused.More() != 0 {
		t.Errorf("by the filter: %+v", r.Refused)
	}
	if r = NewRestores(i, inventory.ClusterKey{}, Part{Only: "stuck"}, now); len(r.Verified.Rows) != 1 || !strings.HasPrefix(r.Verified.Rows[0].Of, "KafkaBackup other/b1499") {
		t.Errorf("by the filter: %+v", r.Verified)
	}
}

func TestStatusCommand(t *testing.T) {
	t.Parallel()
	key := func(namespace, name string) inventory.ClusterKey {
		return inventory.ClusterKey{Namespace: namespace, Name: name}
	}
	for want, keys := range map[string][]inventory.ClusterKey{
		"kubectl snapback status a -n x":      {key("x", "a")},
		"kubectl snapback status 'a;id' -n x": {key("x", "a;id")}, // whoever may write a KafkaBackup chooses the name
		"kubectl snapback status -n x":        {key("x", "a"), key("x", "b")},
		"kubectl snapback status -A":          {key("x", "a"), key("y", "a")},
	} {
		if got := statusCommand(keys); got != want {
			t.Errorf("%v: %q, want %q", keys, got, want)
		}
	}
}
