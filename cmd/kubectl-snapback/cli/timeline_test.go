package cli

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// now is when everything is asked.
var now = time.Date(2026, time.March, 1, 2, 30, 0, 0, time.UTC)

func inventoryOf(t *testing.T, objects ...client.Object) *inventory.Inventory {
	t.Helper()
	objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}})
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(objects...).Build()
	i, err := inventory.Load(t.Context(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// drawn is a cluster whose snapshots have all states.
func drawn(t *testing.T) *inventory.Inventory {
	backup := snapshotstest.NewBackup("hourly", "kafka", "csi").Annotate(v1alpha1.AnnotationRestore, "latest")
	of := func(broker int, hours int) *snapshotstest.Snapshot {
		return snapshotstest.NewSnapshot(snapshotstest.StatefulSetClaim("kafka", broker), backup, "csi.example.com",
			now.Truncate(time.Hour).Add(-time.Duration(hours)*time.Hour))
	}
	cut := func(s *snapshotstest.Snapshot) *snapshotstest.Snapshot { return s.Cut(now.Add(-time.Hour)) }
	var objects []client.Object
	for _, s := range []*snapshotstest.Snapshot{
		of(0, 0), cut(of(0, 1)), of(0, 2).Failing("the pool is full"), of(0, 3).Ready(), of(0, 4).Ready().Annotate(v1alpha1.AnnotationHold, "for the auditors"),
		of(1, 1).Ready().Lineage("second", false), of(1, 2).Ready().Annotate(v1alpha1.AnnotationAbandoned, ""),
		of(1, 3).Ready().Annotate(v1alpha1.AnnotationRestoreNext, "true"), of(1, 4).Ready().Annotate(v1alpha1.AnnotationPruning, ""),
		of(10, 4).Ready().Terminating(now),
	} {
		objects = append(objects, s.Obj())
	}
	return inventoryOf(t, append(objects, backup.Obj())...)
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	inv := drawn(t)
	all := newTimeline(inv, inv.Volumes, now)
	want := `
               Feb 28      Mar 01
VOLUME         22:00 23:00 00:00 01:00 02:00
data-kafka-0   H     #<    F     c     n
data-kafka-1   p     N<    a     u     .
data-kafka-10  t     .     .     .     .

#  ready
c  cut, not ready
n  not cut yet
F  failed, may be retried
u  unproven: the volume came back empty
a  abandoned by a restore from an older one
H  held
N  pinned: restore-next
p  marked for pruning
t  terminating
.  no snapshot
<  a re-created PVC gets the one before it
`[1:]
	if got := all.render(5); got != want {
		t.Errorf("drawn:\n%swant:\n%s", got, want)
	}
	want = `
               Mar 01
VOLUME         01:00 02:00
data-kafka-0   c     n
data-kafka-1   u     .
data-kafka-10  .     .

3 older runs are not shown: --runs 5 shows them

c  cut, not ready
n  not cut yet
u  unproven: the volume came back empty
.  no snapshot
`[1:]
	if got := all.render(all.fit(28)); got != want {
		t.Errorf("drawn in 28 columns:\n%swant:\n%s", got, want)
	}
	for _, width := range []int{0, 1, 40, 80} {
		for _, line := range strings.Split(all.render(all.fit(width)), "\n")[:5] {
			if len(line) > max(width, all.nameWidth()+dayWidth) {
				t.Errorf("%q is wider than %d", line, width)
			}
		}
	}
}

func TestSnapshotRows(t *testing.T) {
	t.Parallel()
	inv := drawn(t)
	volumes, err := inv.Broker("1")
	if err != nil {
		t.Fatal(err)
	}
	rows := snapshotRows(volumes, now)
	got := ""
	for _, row := range rows[1:] {
		got += strings.Join(row[3:], " ") + "\n"
	}
	want := `
2026-03-01T01:00:00Z 90m Unproven - 1Gi second (unproven) -
2026-03-01T00:00:00Z 150m Abandoned - 1Gi first (proven) abandoned
2026-02-28T23:00:00Z 3h30m RestoreNext - 1Gi first (proven) restore-next
2026-02-28T22:00:00Z 4h30m Pruning - 1Gi first (proven) -
`[1:]
	if got != want {
		t.Errorf("rows:\n%swant:\n%s", got, want)
	}
}
