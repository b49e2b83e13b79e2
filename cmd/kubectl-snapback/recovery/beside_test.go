package recovery

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestOneBroker names brokers: one is restored by a command, by whichever of
// its names.
func TestOneBroker(t *testing.T) {
	for name, test := range map[string]struct {
		brokers []string
		want    string // of the error; empty: none
	}{
		"one":       {[]string{"1"}, ""},
		"one twice": {[]string{"1", "kafka-1"}, ""},
		"two":       {[]string{"1", "kafka-0"}, "lists nothing: kubectl snapback restore kafka -n kafka --broker kafka-1; then kubectl snapback restore kafka -n kafka --broker kafka-0"},
		"unknown":   {[]string{"1", "7"}, `no broker "7"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.run(noon, 0, 1)
			p, err := w.plan(Request{Brokers: test.brokers})
			switch {
			case test.want == "" && (err != nil || len(p.Items) != 1 || p.Items[0].Volume.Node != "kafka-1"):
				t.Errorf("planned %+v, %v", p, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// TestBeside has brokers beside the one that is restored which may lack what
// that one has.
func TestBeside(t *testing.T) {
	const alone = "Ready is not in sync: Kubernetes knows that a broker runs"
	pending := func(w *world) { w.Volumes[1].Claims[0].Status.Phase = corev1.ClaimPending }
	restoring := func(w *world) {
		w.Volumes[1].Claims = []*corev1.PersistentVolumeClaim{snapshotstest.StatefulSetClaim("kafka", 1).From("some").Obj()}
	}
	young := func(age time.Duration, from string) func(*world) {
		return func(w *world) {
			claim := snapshotstest.StatefulSetClaim("kafka", 1)
			if from != "" {
				claim.From(from)
			}
			pvc := claim.Obj()
			pvc.CreationTimestamp, pvc.Status.Phase = metav1.NewTime(later.Add(-age)), corev1.ClaimBound
			w.Volumes[1].Claims = []*corev1.PersistentVolumeClaim{pvc}
		}
	}
	for name, test := range map[string]struct {
		prepare func(*world)
		blocks  string   // empty: nothing blocks
		minds   []string // in this order, and nothing else
	}{
		"all are well":         {func(*world) {}, "", []string{alone}},
		"the only broker":      {func(w *world) { w.Volumes = w.Volumes[:1] }, "", nil},
		"another is Pending":   {pending, "claim data-kafka-1 of broker kafka-1 is Pending: wait until it is restored and in sync, since broker kafka-0 may be the only one", []string{alone}},
		"another is restored":  {restoring, "claim data-kafka-1 of broker kafka-1 is Pending, being restored from VolumeSnapshot some: wait", []string{alone, "other brokers of cluster kafka are being restored now (claims: 1)"}},
		"another goes":         {func(w *world) { w.Volumes[1].Claims[0].DeletionTimestamp = &metav1.Time{Time: later} }, "claim data-kafka-1 of broker kafka-1 is being deleted: wait", []string{alone}},
		"both are lost":        {func(w *world) { pending(w); w.Volumes[0].Claims = nil }, "", []string{alone, "claim data-kafka-1 of broker kafka-1 is Pending: partitions that both brokers have go back"}},
		"another is lost":      {func(w *world) { w.Volumes[1].Claims = nil }, "", []string{alone, "these brokers have lost a disk, or were scaled down: kafka-1."}},
		"another's is Lost":    {func(w *world) { w.Volumes[1].Claims[0].Status.Phase = corev1.ClaimLost }, "", []string{alone, "these brokers have lost a disk, or were scaled down: kafka-1."}},
		"another has no pod":   {func(w *world) { w.pods = w.pods[:1] }, "", []string{alone, "these brokers have no Ready pod, and so are not in sync: kafka-1."}},
		"another is not Ready": {func(w *world) { w.pods[1].Status.Conditions[0].Status = corev1.ConditionFalse }, "", []string{alone, "these brokers have no Ready pod, and so are not in sync: kafka-1."}},
		"another came back":    {young(59*time.Minute, "some"), "", []string{alone, "these may not be in sync yet: broker kafka-1 (claim data-kafka-1, restored from VolumeSnapshot some, 59m old)"}},
		"another is new":       {young(time.Minute, ""), "", []string{alone, "these may not be in sync yet: broker kafka-1 (claim data-kafka-1, new, 60s old)"}},
		"long ago":             {young(time.Hour, "some"), "", []string{alone}},
		"a controller beside":  {func(w *world) { pending(w); w.Volumes[1].Role = snapshots.RoleController }, "", nil},
		"a combined node":      {func(w *world) { pending(w); w.Volumes[1].Role = snapshots.RoleCombined }, "claim data-kafka-1 of broker kafka-1 is Pending: wait", []string{alone}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.run(noon, 0, 1)
			w.readyPods()
			test.prepare(w)
			p, err := w.plan(Request{Brokers: []string{"0"}})
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(p.Blocks, "\n"); (said == "") != (test.blocks == "") || !strings.HasPrefix(said, test.blocks) {
				t.Errorf("blocked by %q, want %q", p.Blocks, test.blocks)
			}
			if !slices.EqualFunc(p.Warnings, test.minds, strings.HasPrefix) {
				t.Errorf("says %q\nwant %q", p.Warnings, test.minds)
			}
		})
	}
}

// readyPods has a pod for each claim.
func (w *world) readyPods() {
	for _, v := range w.Volumes {
		pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: v.Node}}
		pod.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: v.Slot}}}}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		w.pods = append(w.pods, pod)
	}
}
