package scheduler

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/verify"
	"github.com/snapback-dev/snapback/tracing"
)

// TestStartOfLongAgo has a leader that begins ten minutes after a restore, which the one before has
// told: it lists the pods once, and does not take a later restart of the pod for its start.
func TestStartOfLongAgo(t *testing.T) {
	t.Parallel()
	pod := podOf(0)
	running := func(seconds int) {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: *at(seconds)}}}}
	}
	running(20)
	w := newTraced(t, volume(0), pod)
	one, _ := w.restored(0, true)
	one.BoundTime = at(14)
	w.clock.Advance(10 * time.Minute)
	w.begin()
	w.want(w.look(func(s *v1alpha1.KafkaBackupStatus) { s.Restores = []v1alpha1.RestoreStatus{one} }))
	w.want(w.look(nil))
	if w.lists != 1 {
		t.Errorf("the pods are listed %d times", w.lists)
	}
	running(630)
	if err := w.r.Client.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	w.want(w.look(nil))
}

// TestSameClaimAgain has a claim created again from a copy of itself, with the trace and the snapshot
// of the first: what is told of it are other spans.
func TestSameClaimAgain(t *testing.T) {
	t.Parallel()
	w := newTraced(t, volume(0), volume(5))
	one, _ := w.restored(0, true)
	one.BoundTime = at(14)
	first := w.look(func(s *v1alpha1.KafkaBackupStatus) { s.Restores = []v1alpha1.RestoreStatus{one} })
	w.want(first, "provision 0-10")

	again := w.seen.claims[0].PVC.DeepCopy()
	again.UID, again.CreationTimestamp, again.Spec.VolumeName = "again", *at(5), "volume-5"
	w.seen.claims = []claims.Claim{{Volume: w.seen.claims[0].Volume, PVC: again}}
	another := one
	another.RequestedTime = *at(5)
	second := w.look(func(s *v1alpha1.KafkaBackupStatus) { s.Restores = []v1alpha1.RestoreStatus{another, one} })
	w.want(second, "provision 5-15")
	if len(second) == 1 && second[0].SpanContext.SpanID() == first[0].SpanContext.SpanID() {
		t.Error("two restores have one span")
	}
}

// TestWholeClusterIsRestored has more restores at once than a status lists: those that it does not
// list are told by their objects, if the volume was made for the claim.
func TestWholeClusterIsRestored(t *testing.T) {
	t.Parallel()
	made, chosen := volume(0), volume(1)
	made.SetAnnotations(map[string]string{claims.AnnotationProvisionedBy: "driver"})
	made.SetCreationTimestamp(*at(9))
	chosen.SetCreationTimestamp(*at(9))
	w := newTraced(t, made, chosen)
	w.restored(0, true)
	w.restored(1, true)
	w.clock.Advance(14 * time.Second)
	w.want(w.look(nil)) // the next look will list them
	full := func(s *v1alpha1.KafkaBackupStatus) { s.Restores = make([]v1alpha1.RestoreStatus, verify.MaxRestores) }
	w.want(w.look(full), "provision 0-10")
	w.want(w.look(nil))
	w.seen.claims[0].PVC.Status.Phase = corev1.ClaimPending
	w.begin()
	w.want(w.look(nil))
	w.seen.claims[0].PVC.Status.Phase = corev1.ClaimBound
	w.want(w.look(nil), "provision 0-10")
	w.clock.Advance(2 * time.Hour)
	w.r.traces.told = tracing.Told{}
	w.want(w.look(nil))
}
