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

// Indexes of the cached snapshots.
const (
	byVolume  = "volume"  // hash of the volume
	byBroker  = "broker"  // see brokerKey
	byCluster = "cluster" // name of the Kafka cluster
)

func brokerKey(cluster, broker string) string { return cluster + "/" + broker }

// Indexers are the indexes that the handler reads by.
func Indexers() map[string]client.IndexerFunc {
	return map[string]client.IndexerFunc{
		byVolume:  func(o client.Object) []string { return []string{o.GetLabels()[snapshots.LabelVolume]} },
		byCluster: func(o client.Object) []string { return []string{o.GetAnnotations()[snapshots.AnnotationClusterName]} },
		byBroker: func(o client.Object) []string {
			a := o.GetAnnotations()
			return []string{brokerKey(a[snapshots.AnnotationClusterName], a[snapshots.AnnotationBroker])}
		},
	}
}

// Index prepares the cache for the handler's reads, and starts to fill it
// before the first claim comes.
func Index(ctx context.Context, c cache.Cache) error {
	for name, indexer := range Indexers() {
		if err := c.IndexField(ctx, &snapshotv1.VolumeSnapshot{}, name, indexer); err != nil {
			return fmt.Errorf("index snapshots by %s: %w", name, err)
		}
	}
	for _, o := range []client.Object{&v1alpha1.KafkaBackup{}, &corev1.Namespace{}, &storagev1.StorageClass{}} {
		if _, err := c.GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watch %T: %w", o, err)
		}
	}
	return nil
}
