package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/marks"
	"github.com/snapback-dev/snapback/snapshots"
)

// FollowLineages returns the names of the claims that came back empty. When such
// a claim is promoted, it marks a snapshot that was made before the promotion:
// so restores use this lineage from now on, and not only after the next run. It
// may return both names and an error: then these names are known in spite of the
// error.
func (v *Verifier) FollowLineages(ctx context.Context, kb *v1alpha1.KafkaBackup, seen Seen, now time.Time) ([]string, error) {
	unproven := []string{}
	var errs []error
	for _, c := range seen.Claims {
		if c.PVC.Status.Phase != corev1.ClaimBound || c.PVC.DeletionTimestamp != nil {
			continue
		}
		all := seen.Cluster.Of(c.Volume)
		var pv corev1.PersistentVolume
		if err := v.Client.Get(ctx, types.NamespacedName{Name: c.PVC.Spec.VolumeName}, &pv, client.UnsafeDisableDeepCopy); err != nil {
			errs = append(errs, fmt.Errorf("read the persistentvolume of claim %s/%s: %w", c.PVC.Namespace, c.PVC.Name, err)) // the cache may be behind
			continue
		}
		lineage := c.Lineage(&pv, all, seen.Backup.PromoteAfter, now)
		if lineage.Proven {
			errs = append(errs, v.prove(ctx, kb, c, all, lineage))
			continue
		}
		unproven = append(unproven, c.PVC.Name)
		if v.Memory.note(c.PVC, v1alpha1.EventLineageUnproven+"/"+string(kb.UID)) {
			v.recordUnproven(c)
			v.Recorder.Eventf(kb, c.PVC, corev1.EventTypeWarning, v1alpha1.EventLineageUnproven, action,
				"Claim %s came back empty: until it is %s old, its volume is restored from the earlier snapshots. If its data is good, annotate it with %s=true",
				c.PVC.Name, seen.Backup.PromoteAfter, v1alpha1.AnnotationPromote)
		}
	}
	return unproven, errors.Join(errs...)
}

// prove marks a snapshot of a lineage that was promoted after it was taken.
func (v *Verifier) prove(ctx context.Context, kb *v1alpha1.KafkaBackup, c claims.Claim, all []snapshots.Snapshot, lineage snapshots.Lineage) error {
	s, ok := snapshots.Unpromoted(all, lineage.ID)
	if !ok {
		return nil
	}
	if err := marks.Set(ctx, v.Client, c.PVC.Namespace, s, map[string]any{v1alpha1.AnnotationProven: v1alpha1.ValueTrue}); err != nil {
		return marks.IgnoreStale(err)
	}
	v.History.Record(c.Volume.Entry(c.PVC, &s, v1alpha1.HistoryPromoted, v1alpha1.EventLineagePromoted))
	v.Recorder.Eventf(kb, c.PVC, corev1.EventTypeNormal, v1alpha1.EventLineagePromoted, action,
		"The data of claim %s counts as good: its volume is restored from VolumeSnapshot %s and newer ones", c.PVC.Name, s.Name)
	return nil
}
