package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/scheduler/drill"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// drillWorld is a broker's volume in a namespace of its own, with a KafkaBackup that
// asks for daily drills. Its StorageClass retains volumes.
type drillWorld struct {
	*testing.T
	client.WithWatch
	drills client.WithWatch // with the rights of the component drills
	ns     string
	class  string
	dir    string // of the broker's volume
	backup client.Object
	clock  *clockwork.FakeClock // a day after the KafkaBackup was created
	events *events.FakeRecorder
	ran    time.Time // the last run
}

// theBroker is the claim of the volume.
func (w *drillWorld) theBroker() *snapshotstest.Claim {
	return snapshotstest.StrimziClaim("events", "broker", 0, 0).In(w.ns).Class(w.class)
}

// newDrillWorld makes the world, with a snapshot that is ready.
func newDrillWorld(t *testing.T, inConfigMap bool) *drillWorld {
	t.Helper()
	c, err := client.NewWithWatch(shared.Get(t).Config, client.Options{Scheme: apiClient(t).Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	account, err := shared.Get(t).AccountConfig(t.Context(), cluster.DrillsAccount)
	if err != nil {
		t.Fatal(err)
	}
	drills, err := client.NewWithWatch(account, client.Options{Scheme: c.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	strimziCRD(t, c, "KafkaNodePool", "kafkanodepools")
	strimziCRD(t, c, "Kafka", "kafkas")
	w := &drillWorld{T: t, WithWatch: c, drills: drills, ns: newNamespace(t, c, nil), events: events.NewFakeRecorder(1000)}
	w.class = "retained-" + w.ns
	create(t, c, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: w.class}, Provisioner: cluster.DriverName, ReclaimPolicy: ptr.To(corev1.PersistentVolumeReclaimRetain)})
	claim := w.theBroker().Obj()
	create(t, c, claim)
	w.dir = boundDir(t, claim)
	writeSegment(t, w.dir, 100)
	kb := snapshotstest.NewBackup("yearly", "events", cluster.SnapshotClass).In(w.ns).Schedule("@yearly").Spec(func(s *v1alpha1.KafkaBackupSpec) {
		s.Drill = &v1alpha1.DrillSpec{Schedule: "@every 24h", Timeout: "1000h"} // the times of claims are those of another clock
	}).Obj()
	w.backup = kb
	if inConfigMap {
		w.backup = snapshotstest.ConfigMapOf(kb)
	}
	create(t, c, w.backup)
	w.clock = clockwork.NewFakeClockAt(w.backup.GetCreationTimestamp().Add(24*time.Hour + time.Minute))
	create(t, c, ownPod(w.ns, "drills", nil))
	restricted := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`))
	if err := c.Patch(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}, restricted); err != nil {
		t.Fatal(err)
	}
	w.takeSnapshot()
	return w
}

// ownPod returns a pod like the one of the process that carries out drills.
func ownPod(namespace, name string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{Name: "drills", Image: "snapback", SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			}}},
		},
	}
}

// takeSnapshot makes a run and returns the name of its snapshot.
func (w *drillWorld) takeSnapshot() string {
	w.Helper()
	at := time.Now().UTC().Truncate(time.Second)
	if !at.After(w.ran) {
		at = w.ran.Add(time.Second)
	}
	w.ran = at
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRunNow, at.Format(time.RFC3339)))
	if err := w.Patch(w.Context(), w.backup, patch); err != nil {
		w.Fatal(err)
	}
	name := snapshots.Name(w.theBroker().Obj().Name, w.backup.GetName(), at)
	eventually(w.T, func(context.Context) error {
		if s := w.snapshot(name); !s.Ready {
			return fmt.Errorf("snapshot %s is not ready", name)
		}
		return nil
	})
	return name
}

// object returns the object of a snapshot, to be patched.
func (w *drillWorld) object(name string) *snapshotv1.VolumeSnapshot {
	return &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name}}
}

// snapshot returns the snapshot of this name; an empty one: there is none.
func (w *drillWorld) snapshot(name string) *snapshots.Snapshot {
	var vs snapshotv1.VolumeSnapshot
	if err := w.Get(w.Context(), types.NamespacedName{Namespace: w.ns, Name: name}, &vs); err != nil {
		return &snapshots.Snapshot{}
	}
	s, err := snapshots.NewSnapshot(&vs)
	if err != nil {
		w.Error(err)
	}
	return &s
}

// newest returns the newest snapshot.
func (w *drillWorld) newest() *snapshots.Snapshot {
	return w.snapshot(snapshots.Name(w.theBroker().Obj().Name, w.backup.GetName(), w.ran))
}

// process returns a new process that carries out drills.
func (w *drillWorld) process(c client.Client) *drill.Reconciler {
	return &drill.Reconciler{
		Client: c, APIReader: c, Mapper: c.RESTMapper(), Recorder: w.events, Clock: w.clock,
		Self: types.NamespacedName{Namespace: w.ns, Name: "drills"}, Parallel: 1000,
	}
}

func (w *drillWorld) key() ctrl.Request {
	return ctrl.Request{NamespacedName: types.NamespacedName{Namespace: w.ns, Name: "events"}}
}

// minIdle is the shortest pause of a process that has no drill to carry out.
const minIdle = time.Minute

// settle lets a process work until no drill is due and nothing is left of any.
func (w *drillWorld) settle(r *drill.Reconciler) {
	w.Helper()
	eventually(w.T, func(ctx context.Context) error {
		result, err := r.Reconcile(ctx, w.key())
		if err == nil && result.RequeueAfter < minIdle {
			err = fmt.Errorf("a drill is under way: %v", w.left())
		}
		return err
	})
	if left := w.left(); len(left) > 0 {
		w.Errorf("%v is left", left)
	}
	eventually(w.T, func(ctx context.Context) error {
		var pvs corev1.PersistentVolumeList
		if err := w.List(ctx, &pvs); err != nil {
			return err
		}
		for _, pv := range pvs.Items {
			if ref := pv.Spec.ClaimRef; ref != nil && ref.Namespace == w.ns && strings.HasPrefix(ref.Name, "snapback-drill-") {
				return fmt.Errorf("volume %s of %s is left", pv.Name, ref.Name)
			}
		}
		return nil
	})
}

// left returns the claims and pods of drills that exist.
func (w *drillWorld) left() []string {
	var found []string
	var claims corev1.PersistentVolumeClaimList
	var pods corev1.PodList
	of := []client.ListOption{client.InNamespace(w.ns), client.HasLabels{v1alpha1.LabelDrill}}
	for _, list := range []client.ObjectList{&claims, &pods} {
		if err := w.List(w.Context(), list, of...); err != nil {
			w.Fatal(err)
		}
	}
	for _, c := range claims.Items {
		found = append(found, "claim "+c.Name)
	}
	for _, p := range pods.Items {
		found = append(found, "pod "+p.Name)
	}
	return found
}

// reconcileUntil lets a process work until a condition returns nil.
func (w *drillWorld) reconcileUntil(r *drill.Reconciler, condition func() error) {
	w.Helper()
	eventually(w.T, func(ctx context.Context) error {
		if _, err := r.Reconcile(ctx, w.key()); err != nil {
			return err
		}
		return condition()
	})
}

// spoil inverts a byte of the first batch on the broker's volume.
func (w *drillWorld) spoil() {
	w.Helper()
	file := filepath.Join(w.dir, "kafka", "orders-0", "00000000000000000000.log")
	content, err := os.ReadFile(file)
	if err != nil {
		w.Fatal(err)
	}
	content[len(content)/4] ^= 0x10
	if err := os.WriteFile(file, content, 0o644); err != nil {
		w.Fatal(err)
	}
}
