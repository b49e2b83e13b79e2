package scheduler

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/scheduler/follow"
	"github.com/snapback-dev/snapback/scheduler/marks"
	"github.com/snapback-dev/snapback/scheduler/observe"
	"github.com/snapback-dev/snapback/snapshots"
)

// keepRecords writes what lost volumes had to their newest snapshots, and takes
// what Kafka said off older ones. What fails is tried again at the next look.
func (r *Reconciler) keepRecords(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view, good map[string]snapshots.Snapshot) {
	ctx, cancel := context.WithTimeout(ctx, pruneTimeout)
	defer cancel()
	logger := log.FromContext(ctx).WithValues("namespace", kb.Namespace, "kafkaBackup", kb.Name)
	own := seen.volumes
	if err := r.keepLastRecords(ctx, kb, seen, own); err != nil {
		logger.Error(err, "cannot write what Kafka last said of lost volumes; trying again")
	}
	if err := r.stripRecords(ctx, seen, own, good, kb.Status.Restores); err != nil {
		logger.Error(err, "cannot take what Kafka said off older snapshots; trying again")
	}
}

// keepLastRecords writes what each lost volume had when it was last seen to its
// newest ready snapshot. So it survives a restart of the scheduler.
func (r *Reconciler) keepLastRecords(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view, own map[string][]snapshots.Snapshot) error {
	key := client.ObjectKeyFromObject(kb)
	o := r.kafka.State(key).Last
	if o == nil {
		return nil
	}
	var volumes []snapshots.Volume
	claims := map[string]observe.Claim{}
	for _, v := range r.kafkaVolumes(ctx, seen, nil, nil) {
		volumes = append(volumes, v.Volume)
	}
	for _, c := range seen.claims {
		alive := c.PVC.Status.Phase == corev1.ClaimBound && c.PVC.DeletionTimestamp == nil
		if hash := c.Volume.Hash(); alive || claims[hash].UID == "" { // of two claims the live one counts
			claims[hash] = observe.Claim{UID: c.PVC.UID, Created: c.PVC.CreationTimestamp.Time, Alive: alive}
		}
	}
	had := map[string]string{} // by the name of the snapshot
	var targets []snapshots.Snapshot
	for hash, record := range r.kafka.lives.Follow(key, o, claims, observe.Places(o, volumes)) {
		newest, ok := observe.NewestReady(own[hash])
		if !ok { // nobody could restore from it
			r.kafka.lives.Written(key, hash)
			continue
		}
		had[newest.Name] = kafka.Encode(record)
		targets = append(targets, newest)
	}
	return marks.Each(targets, func(s snapshots.Snapshot) error {
		err := marks.Set(ctx, r.Client, kb.Namespace, s, map[string]any{v1alpha1.AnnotationKafkaLastObserved: had[s.Name]})
		if err == nil {
			r.kafka.lives.Written(key, s.Volume)
		}
		return err
	})
}

// stripRecords takes what Kafka said off the older snapshots of the volumes that
// have a claim. The others may be about to be restored.
func (r *Reconciler) stripRecords(ctx context.Context, seen view, own map[string][]snapshots.Snapshot, good map[string]snapshots.Snapshot, restores []v1alpha1.RestoreStatus) error {
	none := map[string]any{}
	for _, key := range observe.Annotations {
		none[key] = nil
	}
	var outdated []snapshots.Snapshot
	done := map[string]bool{}
	for _, c := range seen.claims {
		if hash := c.Volume.Hash(); !done[hash] {
			done[hash] = true
			outdated = append(outdated, observe.Outdated(own[hash], good[hash].Name)...)
		}
	}
	outdated = slices.DeleteFunc(outdated, func(s snapshots.Snapshot) bool { return needed(s, restores) })
	return marks.Each(outdated, func(s snapshots.Snapshot) error { return marks.Set(ctx, r.Client, seen.backup.Namespace, s, none) })
}

// needed reports whether the report of a restore may need what the snapshot
// carries: what was there before the loss. Later ones are not kept for it, since a
// broker may never be in sync.
func needed(s snapshots.Snapshot, restores []v1alpha1.RestoreStatus) bool {
	return slices.ContainsFunc(restores, func(r v1alpha1.RestoreStatus) bool {
		return follow.Pending(r) && (!s.Scheduled.After(r.RequestedTime.Time) || s.Annotations[v1alpha1.AnnotationKafkaLastObserved] != "")
	})
}
