package scheduler

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/snapshots"
)

// byBackup indexes the cached snapshots by the name of their KafkaBackup.
const byBackup = "backup"

// Index prepares the cache for the scheduler's reads.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &snapshotv1.VolumeSnapshot{}, byBackup, func(o client.Object) []string {
		return []string{o.GetAnnotations()[snapshots.AnnotationBackupName]}
	})
	if err != nil {
		return fmt.Errorf("index snapshots by backup: %w", err)
	}
	return nil
}

// snapshotsOf lists the snapshots of a backup out of the cache.
func (r *Reconciler) snapshotsOf(ctx context.Context, b snapshots.Backup) ([]snapshots.Snapshot, error) {
	var list snapshotv1.VolumeSnapshotList
	if err := r.Client.List(ctx, &list, client.InNamespace(b.Namespace), client.MatchingFields{byBackup: b.Name}); err != nil {
		return nil, fmt.Errorf("list the snapshots of kafkabackup %s/%s: %w", b.Namespace, b.Name, err)
	}
	own := make([]snapshots.Snapshot, 0, len(list.Items))
	for i := range list.Items {
		s, err := snapshots.NewSnapshot(&list.Items[i])
		if err != nil { // somebody has changed its metadata; it is left alone
			log.FromContext(ctx).Error(err, "passing over a snapshot")
			continue
		}
		own = append(own, s)
	}
	return own, nil
}
