package verify

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/marks"
	"github.com/snapback-dev/snapback/snapshots"
)

// noteSettled is the note about a claim whose restore settle has completed.
const noteSettled = "settled"

// settle completes a restore that was verified. If people chose an older
// snapshot, the later snapshots belong to a past that they have left: settle
// marks them, so that no claim is restored from them, and keeps them. It removes
// the pin from the chosen snapshot, since the pin has done its work. The pin
// goes last: it shows that people chose the snapshot.
func (v *Verifier) settle(ctx context.Context, kb *v1alpha1.KafkaBackup, s subject) error {
	if v.Memory.noted(s.PVC, noteSettled) {
		return nil
	}
	var err error
	all := snapshots.Readable(s.known.Of(s.Volume))
	i := slices.IndexFunc(all, func(other snapshots.Snapshot) bool { return other.Name == snapshots.SourceOf(s.PVC) })
	if i >= 0 {
		err = v.leave(ctx, kb, s, all, all[i])
	}
	if err == nil {
		v.Memory.note(s.PVC, noteSettled)
	}
	return err
}

// leave marks the snapshots that a restore from a pinned source leaves aside.
func (v *Verifier) leave(ctx context.Context, kb *v1alpha1.KafkaBackup, s subject, all []snapshots.Snapshot, source snapshots.Snapshot) error {
	pinned, err := v.pinned(ctx, s, source)
	if err != nil || !pinned {
		return err
	}
	aside := snapshots.LeftAside(all, source, s.PVC)
	var errs []error
	for _, later := range aside {
		err := marks.Set(ctx, v.Client, s.PVC.Namespace, later, map[string]any{v1alpha1.AnnotationAbandoned: source.Name})
		if err == nil {
			v.recordAbandoned(s, later, source)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(aside) > 0 {
		v.Recorder.Eventf(kb, s.PVC, corev1.EventTypeNormal, v1alpha1.EventTimelineForked, action,
			"Claim %s was restored from VolumeSnapshot %s by a person's choice: the %d later snapshots of its volume are marked %s. They are kept until you delete them",
			s.PVC.Name, source.Name, len(aside), v1alpha1.AnnotationAbandoned)
	}
	answered := map[string]any{}
	for _, annotation := range snapshots.Answered(source) {
		answered[annotation] = nil
	}
	if len(answered) == 0 {
		return nil
	}
	if err := marks.Set(ctx, v.Client, s.PVC.Namespace, source, answered); err != nil {
		return err
	}
	v.recordAnswered(s, source)
	return nil
}

// pinned reports whether people chose the source of a restored claim. If the
// webhook's annotations are gone, it reads the claim from the apiserver: the
// cache has no field managers.
func (v *Verifier) pinned(ctx context.Context, s subject, source snapshots.Snapshot) (bool, error) {
	policy, _ := s.known.PolicyToday(s.PVC.Annotations) // an invalid policy pins nothing
	pvc := s.PVC
	if _, given := pvc.Annotations[v1alpha1.AnnotationRestoredFrom]; !given {
		live, err := claims.Named(ctx, v.APIReader, pvc.Namespace, pvc.Name)
		if err != nil || live == nil || live.UID != pvc.UID {
			return false, err
		}
		pvc = live
	}
	return snapshots.Pinned(pvc, source, policy), nil
}
