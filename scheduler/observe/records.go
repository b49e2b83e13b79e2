package observe

import (
	"context"
	"fmt"
	"sync"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots"
)

// parallelReads is how many snapshots are read at once.
const parallelReads = 8

// Records keeps the records of the newest good snapshots. The cache of snapshots
// does not have them, since they are long.
type Records struct {
	mu sync.Mutex
	of map[types.NamespacedName]map[types.UID]*kafka.Record // by KafkaBackup; nil: the snapshot has none that can be read
}

// Of returns the records of snapshots, by their UID. It reads each once from the
// apiserver, and keeps it as long as it is asked for. One that cannot be read is
// tried again the next time.
func (r *Records) Of(ctx context.Context, live client.Reader, backup types.NamespacedName, all []snapshots.Snapshot) (map[types.UID]*kafka.Record, error) {
	r.mu.Lock()
	before := r.of[backup]
	r.mu.Unlock()
	found := map[types.UID]*kafka.Record{}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(parallelReads)
	for _, s := range all {
		if known, ok := before[s.UID]; ok {
			mu.Lock()
			found[s.UID] = known
			mu.Unlock()
			continue
		}
		if s.Annotations[v1alpha1.AnnotationKafkaObserved] == "" {
			continue
		}
		group.Go(func() error {
			record, err := read(ctx, live, backup.Namespace, s)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			found[s.UID] = record
			return nil
		})
	}
	err := group.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[types.NamespacedName]map[types.UID]*kafka.Record{}
	}
	r.of[backup] = found
	return found, err
}

// read reads the record of a snapshot; nil: it has none, or somebody has spoilt it.
func read(ctx context.Context, live client.Reader, namespace string, s snapshots.Snapshot) (*kafka.Record, error) {
	var vs snapshotv1.VolumeSnapshot
	err := live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: s.Name}, &vs)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read volumesnapshot %s/%s: %w", namespace, s.Name, err)
	}
	record, err := kafka.Decode(vs.Annotations[v1alpha1.AnnotationKafkaObserved])
	if err != nil || vs.UID != s.UID {
		return nil, nil //nolint:nilerr,nilnil // the loss is "at most" then
	}
	return &record, nil
}

// Forget drops the records of a KafkaBackup.
func (r *Records) Forget(backup types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, backup)
}
