package scheduler

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/marks"
	"github.com/snapback-dev/snapback/snapshots"
)

// lineages names the claims that came back empty, and follows their promotion: a
// snapshot that was taken before it is marked, so that claims are restored from
// this lineage from now on, and not only after the next run. Names beside an
// error are those that are known all the same.
func (r *Reconciler) lineages(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) ([]string, error) {
	unproven := []string{}
	var errs []error
	for _, c := range seen.claims {
		if c.PVC.Status.Phase != corev1.ClaimBound || c.PVC.DeletionTimestamp != nil {
			continue
		}
		all, err := r.listAll(ctx, c.PVC.Namespace, client.MatchingFields{byVolume: c.Volume.Hash()})
		if err != nil {
			return nil, err
		}
		var pv corev1.PersistentVolume
		if err := r.Client.Get(ctx, types.NamespacedName{Name: c.PVC.Spec.VolumeName}, &pv); err != nil {
			errs = append(errs, fmt.Errorf("read the volume of claim %s: %w", c.PVC.Name, err)) // the cache may be behind
			continue
		}
		lineage := c.Lineage(&pv, all, seen.backup.PromoteAfter, r.Clock.Now())
		if lineage.Proven {
			errs = append(errs, r.prove(ctx, kb, c, all, lineage))
			continue
		}
		unproven = append(unproven, c.PVC.Name)
		if r.memory.note(c.PVC, v1alpha1.EventLineageUnproven+"/"+string(kb.UID)) {
			r.Recorder.Eventf(kb, c.PVC, corev1.EventTypeWarning, v1alpha1.EventLineageUnproven, actionVerify,
				"Claim %s came back empty: until it is %s old its volume is restored from the snapshots of before. If its data is good, annotate it with %s=true",
				c.PVC.Name, seen.backup.PromoteAfter, v1alpha1.AnnotationPromote)
		}
	}
	return unproven, errors.Join(errs...)
}

// prove marks a snapshot of a lineage that has been promoted since.
func (r *Reconciler) prove(ctx context.Context, kb *v1alpha1.KafkaBackup, c claims.Claim, all []snapshots.Snapshot, lineage snapshots.Lineage) error {
	s, ok := snapshots.Unpromoted(all, lineage.ID)
	if !ok {
		return nil
	}
	if err := marks.Set(ctx, r.Client, c.PVC.Namespace, s, map[string]any{v1alpha1.AnnotationProven: v1alpha1.ValueTrue}); err != nil {
		return marks.IgnoreStale(err)
	}
	r.Recorder.Eventf(kb, c.PVC, corev1.EventTypeNormal, v1alpha1.EventLineagePromoted, actionVerify,
		"The data of claim %s counts as good: its volume is restored from VolumeSnapshot %s and newer ones", c.PVC.Name, s.Name)
	return nil
}

// history lists all snapshots of a claim's volume out of the cache, whichever
// KafkaBackup they are of.
func (r *Reconciler) history(ctx context.Context, c claims.Claim) ([]snapshots.Snapshot, error) {
	return r.list(ctx, c.PVC.Namespace, client.MatchingFields{byVolume: c.Volume.Hash()})
}

// strictRole is the claim's volume with its role as its snapshots have it where
// nobody says the role now: a snapshot must not forget that a volume is a
// controller's while its node pool is away.
func (r *Reconciler) strictRole(ctx context.Context, c claims.Claim) (snapshots.Volume, error) {
	if c.Volume.RoleSaid {
		return c.Volume, nil
	}
	all, err := r.history(ctx, c)
	return c.Volume.Stricter(all), err
}
