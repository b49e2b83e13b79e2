package scheduler

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// settle follows a restore that has been verified. Where people chose an older
// snapshot, the later ones are of a past that they have left: they are marked,
// so that no claim goes on from there, and kept. The pin on the snapshot itself
// has done its work and is taken off, last, since it is what tells.
func (r *Reconciler) settle(ctx context.Context, kb *v1alpha1.KafkaBackup, s subject) error {
	if r.memory.noted(s.pvc, noteSettled) {
		return nil
	}
	all, err := r.history(ctx, s.claim)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(other snapshots.Snapshot) bool { return other.Name == s.source() })
	if i >= 0 {
		err = r.leave(ctx, kb, s, all, all[i])
	}
	if err == nil {
		r.memory.note(s.pvc, noteSettled)
	}
	return err
}

// leave marks what the restore from a pinned source leaves aside.
func (r *Reconciler) leave(ctx context.Context, kb *v1alpha1.KafkaBackup, s subject, all []snapshots.Snapshot, source snapshots.Snapshot) error {
	if !snapshots.Pinned(s.pvc) {
		return nil
	}
	aside := snapshots.LeftAside(all, source, s.pvc)
	var errs []error
	for _, later := range aside {
		errs = append(errs, r.annotate(ctx, s.pvc.Namespace, later, map[string]any{snapshots.AnnotationAbandoned: source.Name}))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(aside) > 0 {
		r.Recorder.Eventf(kb, s.pvc, corev1.EventTypeNormal, eventForked, actionVerify,
			"Claim %s was restored from VolumeSnapshot %s by a person's choice: the %d later snapshots of its volume are marked %s. They are kept until you delete them",
			s.pvc.Name, source.Name, len(aside), snapshots.AnnotationAbandoned)
	}
	answered := map[string]any{}
	for _, annotation := range snapshots.Answered(source) {
		answered[annotation] = nil
	}
	if len(answered) == 0 {
		return nil
	}
	return r.annotate(ctx, s.pvc.Namespace, source, answered)
}
