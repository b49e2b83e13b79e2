package snapshots_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func disk(broker int, mountPath string) *snapshotstest.Claim {
	return snapshotstest.KoperatorClaim("kafka", broker, mountPath).Class("csi-ssd")
}

func diskSnapshot(c *snapshotstest.Claim, scheduled time.Time) *snapshotstest.Snapshot {
	pvc := c.Obj()
	return snapshotstest.NewSnapshot(c.Named(pvc.GenerateName+pvc.Annotations["mountPath"][1:]), hourly(), driver, scheduled)
}

// peer returns a live claim of the given age.
func peer(t *testing.T, c *snapshotstest.Claim, name string, age time.Duration, change func(*corev1.PersistentVolumeClaim)) snapshots.Peer {
	t.Helper()
	pvc := c.Named(name).Obj()
	pvc.CreationTimestamp = metav1.NewTime(ago(age))
	pvc.Status.Phase = corev1.ClaimBound
	if change != nil {
		change(pvc)
	}
	return snapshots.NewPeer(identify(t, c), pvc)
}

func TestLookAroundDuplicate(t *testing.T) {
	v := identify(t, disk(0, "/a"))
	live := []snapshots.Peer{peer(t, disk(0, "/a"), "a-2", hour, nil), peer(t, disk(0, "/a"), "a-1", hour, nil), peer(t, disk(1, "/a"), "z", hour, nil)}
	for _, peers := range [][]snapshots.Peer{live, {live[1], live[2], live[0]}} {
		around := snapshots.LookAround(v, nil, peers, nil, now)
		got := selected(asked(t, disk(0, "/a"), driver), snapshots.Policy{v1alpha1.AnnotationRestore: latest}, around, nil, now)
		if got.Outcome != v1alpha1.OutcomeDeny || got.Reason != v1alpha1.ReasonDuplicateVolume || around.Duplicate != "a-2" {
			t.Errorf("%+v of %+v", got, around)
		}
	}
}

// TestLookAroundRestoring checks several claims of the cluster at once. Only disks of
// other brokers that wait for their snapshot count as being restored: this broker may
// need the replicas that they have lost.
func TestLookAroundRestoring(t *testing.T) {
	from := func(pvc *corev1.PersistentVolumeClaim) {
		pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: "s"}
		pvc.Status.Phase = corev1.ClaimPending
	}
	for name, test := range map[string]struct {
		peer snapshots.Peer
		want int
	}{
		"another broker waits for its snapshot": {peer(t, disk(1, "/a"), "b", 0, from), 1},
		"another broker has it":                 {peer(t, disk(1, "/a"), "b", 0, func(pvc *corev1.PersistentVolumeClaim) { from(pvc); pvc.Status.Phase = corev1.ClaimBound }), 0},
		"another broker is new":                 {peer(t, disk(1, "/a"), "b", 0, func(pvc *corev1.PersistentVolumeClaim) { pvc.Status.Phase = corev1.ClaimPending }), 0},
		"another broker is well":                {peer(t, disk(1, "/a"), "b", 0, nil), 0},
		"another disk of this broker waits":     {peer(t, disk(0, "/b"), "b", 0, from), 0},
		"another broker's is being deleted":     {peer(t, disk(1, "/a"), "b", 0, func(pvc *corev1.PersistentVolumeClaim) { from(pvc); pvc.DeletionTimestamp = &metav1.Time{Time: now} }), 0},
	} {
		around := snapshots.LookAround(identify(t, disk(0, "/a")), nil, []snapshots.Peer{test.peer}, nil, now)
		if around.Restoring != test.want {
			t.Errorf("%s: %d are being restored", name, around.Restoring)
		}
		got := selected(asked(t, disk(0, "/a"), driver), snapshots.Policy{v1alpha1.AnnotationRestore: latest}, around, readAll(t, diskSnapshot(disk(0, "/a"), ago(hour)).Ready()), now)
		if warned := strings.Contains(strings.Join(got.Warnings, "; "), "other brokers"); warned != (test.want > 0) {
			t.Errorf("%s: the warnings are %q", name, got.Warnings)
		}
	}
}
