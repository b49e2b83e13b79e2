package watched

import (
	"fmt"
	"reflect"
	"runtime/debug"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// TestAlike checks that equal annotations of a volume's snapshots are one map, that
// others stay apart, and that what is remembered has a bound.
func TestAlike(t *testing.T) {
	var a alike
	of := func(volume, text string) map[string]string {
		return a.share(snapshots.Snapshot{Volume: volume, Annotations: map[string]string{"key": text}}).Annotations
	}
	same := func(a, b map[string]string) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }
	first := of("v", "a")
	if !same(first, of("v", "a")) {
		t.Error("equal annotations are kept twice")
	}
	if other := of("v", "b"); same(first, other) || other["key"] != "b" {
		t.Errorf("another value: %v", other)
	}
	if same(first, of("w", "a")) {
		t.Error("snapshots of another volume are not compared")
	}
	for i := range 2 * maxAlike {
		of(fmt.Sprint(i), "a")
	}
	if len(a.of) > maxAlike {
		t.Errorf("%d volumes are remembered", len(a.of))
	}
	if a.forget(); a.of != nil {
		t.Error("remembered after the list")
	}
}

// TestAlikeAfterTheList remembers no volume of a snapshot that changes later.
func TestAlikeAfterTheList(t *testing.T) {
	store := NewStaticSnapshots(snapshots.Snapshot.Watched)
	labels := map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelVolume: "v"}
	if err := store.Add(&snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: labels}}); err != nil {
		t.Fatal(err)
	}
	if store.listed.of != nil {
		t.Error("remembered")
	}
}

// TestManySnapshotsSaveMemory checks that a large first list sets the collector's target,
// and that neither a smaller one does, nor as many changes after it.
func TestManySnapshotsSaveMemory(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	var few alike
	few.share(snapshots.Snapshot{})
	few.forget()
	var many alike
	for range largeList - 1 {
		few.share(snapshots.Snapshot{})
		many.share(snapshots.Snapshot{})
	}
	few.share(snapshots.Snapshot{})
	if got := percent(); got != 100 {
		t.Errorf("few snapshots: %d", got)
	}
	if many.share(snapshots.Snapshot{}); percent() != gcPercent {
		t.Errorf("many snapshots: %d", percent())
	}
}
