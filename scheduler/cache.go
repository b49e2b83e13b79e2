package scheduler

import (
	"context"
	"fmt"
	"slices"
	"sync"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// Indexes of the cached snapshots.
const (
	byBackup = "backup" // name of the KafkaBackup
	byVolume = "volume" // hash of the volume
	byUncut  = "uncut"  // "true" of those that are not cut yet
)

// index adds the indexes that the scheduler's reads need to the cache. It is
// called once, and only when the cluster has the kind VolumeSnapshot.
func index(ctx context.Context, indexer client.FieldIndexer) error {
	indexes := map[string]client.IndexerFunc{
		byBackup: func(o client.Object) []string { return []string{o.GetAnnotations()[v1alpha1.AnnotationBackupName]} },
		byVolume: func(o client.Object) []string { return []string{o.GetLabels()[v1alpha1.LabelVolume]} },
		byUncut: func(o client.Object) []string {
			if vs, ok := o.(*snapshotv1.VolumeSnapshot); ok && (vs.Status == nil || vs.Status.CreationTime == nil) {
				return []string{v1alpha1.ValueTrue}
			}
			return nil
		},
	}
	for name, index := range indexes {
		if err := indexer.IndexField(ctx, &snapshotv1.VolumeSnapshot{}, name, index); err != nil {
			return fmt.Errorf("index snapshots by %s: %w", name, err)
		}
	}
	return nil
}

// parsedSnapshots keeps the parsed form of the cached snapshots. Without it a
// run of 1,000 volumes would parse each snapshot many times.
type parsedSnapshots struct {
	mu    sync.Mutex
	byUID map[types.UID]snapshots.Snapshot
}

// read returns the result of [snapshots.NewSnapshot], which it calls once for
// each version of an object. Callers share what the result points to, and must
// not change it.
func (p *parsedSnapshots) read(vs *snapshotv1.VolumeSnapshot) (snapshots.Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.byUID[vs.UID]; ok && known.ResourceVersion == vs.ResourceVersion {
		return known, nil
	}
	s, err := snapshots.NewSnapshot(vs)
	if err != nil {
		return s, err
	}
	if s.Size != nil {
		_ = s.Size.String() // the first call of String changes a Quantity
	}
	if p.byUID == nil {
		p.byUID = map[types.UID]snapshots.Snapshot{}
	}
	p.byUID[vs.UID] = s
	return s, nil
}

// forget drops the parsed form of a snapshot that is gone.
func (p *parsedSnapshots) forget(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byUID, uid)
}

// cachedSnapshots reads snapshots from the cache.
type cachedSnapshots struct {
	client client.Reader
	parsed *parsedSnapshots
}

func (r *Reconciler) cached() cachedSnapshots { return cachedSnapshots{r.Client, &r.parsed} }

// ofBackup lists the snapshots of a KafkaBackup that can be read.
func (c cachedSnapshots) ofBackup(ctx context.Context, b snapshots.Backup) ([]snapshots.Snapshot, error) {
	all, err := c.list(ctx, b.Namespace, client.MatchingFields{byBackup: b.Name})
	return readable(all), err
}

// History lists the snapshots of a claim's volume that can be read, from all
// KafkaBackups.
func (c cachedSnapshots) History(ctx context.Context, of claims.Claim) ([]snapshots.Snapshot, error) {
	all, err := c.HistoryWithSpoilt(ctx, of)
	return readable(all), err
}

// HistoryWithSpoilt lists the snapshots of a claim's volume, from all
// KafkaBackups, and the unreadable ones too. Snapback does not use unreadable
// snapshots, but they prove that the volume existed before.
func (c cachedSnapshots) HistoryWithSpoilt(ctx context.Context, of claims.Claim) ([]snapshots.Snapshot, error) {
	return c.list(ctx, of.PVC.Namespace, client.MatchingFields{byVolume: of.Volume.Hash()})
}

// readable returns the snapshots without the unreadable ones, whose labels or
// annotations somebody has changed.
func readable(all []snapshots.Snapshot) []snapshots.Snapshot {
	return slices.DeleteFunc(slices.Clone(all), func(s snapshots.Snapshot) bool { return s.Unreadable != "" })
}

func (c cachedSnapshots) list(ctx context.Context, namespace string, match client.MatchingFields) ([]snapshots.Snapshot, error) {
	var list snapshotv1.VolumeSnapshotList
	if err := c.client.List(ctx, &list, client.InNamespace(namespace), match); err != nil {
		return nil, fmt.Errorf("list the volumesnapshots of namespace %s by %v: %w", namespace, match, err)
	}
	found := make([]snapshots.Snapshot, 0, len(list.Items))
	for i := range list.Items {
		s, err := c.parsed.read(&list.Items[i])
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot read a snapshot", "namespace", namespace, "snapshot", list.Items[i].Name)
			if s.Unreadable == "" {
				continue
			}
		}
		found = append(found, s)
	}
	return found, nil
}
