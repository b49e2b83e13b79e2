package webhook

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// byVolume indexes the cached snapshots by the hash of their volume.
const byVolume = "volume"

// Index prepares the cache for the handler's reads, and starts to fill it
// before the first claim comes.
func Index(ctx context.Context, c cache.Cache) error {
	err := c.IndexField(ctx, &snapshotv1.VolumeSnapshot{}, byVolume, func(o client.Object) []string {
		return []string{o.GetLabels()[snapshots.LabelVolume]}
	})
	if err != nil {
		return fmt.Errorf("index snapshots by volume: %w", err)
	}
	for _, o := range []client.Object{&v1alpha1.KafkaBackup{}, &corev1.Namespace{}, &storagev1.StorageClass{}} {
		if _, err := c.GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watch %T: %w", o, err)
		}
	}
	return nil
}
