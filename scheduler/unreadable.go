package scheduler

import (
	"context"
	"fmt"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// unreadable says which of the KafkaBackup's snapshots somebody has spoilt: they
// are neither restored from nor pruned, and a volume that has no other is
// refused.
func (r *Reconciler) unreadable(ctx context.Context, kb *v1alpha1.KafkaBackup) error {
	var list snapshotv1.VolumeSnapshotList
	if err := r.Client.List(ctx, &list, client.InNamespace(kb.Namespace), client.MatchingFields{byBackup: kb.Name}); err != nil {
		return fmt.Errorf("list the snapshots of kafkabackup %s/%s: %w", kb.Namespace, kb.Name, err)
	}
	var spoilt []string
	for i := range list.Items {
		if s, err := r.parsed.read(&list.Items[i]); err != nil && !s.Deleting {
			spoilt = append(spoilt, s.Name)
		}
	}
	slices.Sort(spoilt)
	setWhile(kb, v1alpha1.ConditionSnapshotUnreadable, v1alpha1.ReasonMetadataChanged, spoilt,
		"labels or annotations of these VolumeSnapshots were changed, so that they cannot be read: claims do not get them, and a claim whose volume has no other is refused. Correct them, or delete them")
	return nil
}
