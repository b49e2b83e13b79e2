// Package origin finds the snapshots that the storage took of another volume than their
// run has stamped on them, and makes them say so. From then on they are in the lineage
// of that volume: if it came back empty, the webhook passes them over, and they push
// out none of the others.
package origin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/marks"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/contents"
)

// action is the action that Events name.
const action = "Snapshot"

// Client reads from a cache, and writes to snapshots.
type Client interface {
	client.Reader
	marks.Patcher
}

// Corrector corrects the snapshots of KafkaBackups.
type Corrector struct {
	Client    Client
	APIReader client.Reader // reads from the apiserver
	Recorder  events.EventRecorder
	Memory    *Memory // of the term
}

// Seen is what the cache has about a KafkaBackup.
type Seen struct {
	Backup  snapshots.Backup
	Claims  []claims.Claim       // claims of its cluster
	Own     []snapshots.Snapshot // the KafkaBackup's snapshots
	Cluster snapshots.Cluster    // with the snapshots of the claims' volumes, from all KafkaBackups
}

// Correct corrects those of a KafkaBackup's snapshots that say that they are of another
// volume. Each that is in doubt is looked up once in a term.
func (c *Corrector) Correct(ctx context.Context, kb *v1alpha1.KafkaBackup, seen Seen, now time.Time) error {
	live := make(map[string]bool, len(seen.Claims))
	for _, claim := range seen.Claims {
		live[string(claim.PVC.UID)] = true
	}
	doubtful := snapshots.Doubtful(seen.Own, live)
	key := seen.Backup.Key()
	sure := c.Memory.keep(key, doubtful)
	doubtful = slices.DeleteFunc(doubtful, func(s snapshots.Snapshot) bool { return sure[s.UID] })
	return marks.Each(doubtful, func(s snapshots.Snapshot) error {
		handle, err := contents.VolumeOf(ctx, c.APIReader, s)
		if err != nil {
			return err
		}
		if !s.IsOfAnother(handle) {
			c.Memory.note(key, s.UID)
			return nil
		}
		origin, err := c.of(ctx, seen, s, handle, now)
		if err != nil {
			return err
		}
		if err := marks.Set(ctx, c.Client, seen.Backup.Namespace, s, origin.Annotations()); err != nil {
			return err
		}
		c.Recorder.Eventf(kb, nil, corev1.EventTypeWarning, v1alpha1.EventSnapshotOfAnother, action,
			"VolumeSnapshot %s was asked for of a claim %s that was replaced before the storage took it: it holds the data of a later claim of that name, as its annotations say now",
			s.Name, s.SourcePVC)
		return nil
	})
}

// of returns the origin of a snapshot that was taken of the volume with this handle. If a
// live claim has it, that claim knows best.
func (c *Corrector) of(ctx context.Context, seen Seen, s snapshots.Snapshot, handle string, now time.Time) (snapshots.Origin, error) {
	all := seen.Own
	for _, claim := range seen.Claims {
		if claim.PVC.Name != s.SourcePVC || claim.PVC.Status.Phase != corev1.ClaimBound {
			continue
		}
		var pv corev1.PersistentVolume
		if err := c.Client.Get(ctx, types.NamespacedName{Name: claim.PVC.Spec.VolumeName}, &pv, client.UnsafeDisableDeepCopy); err != nil {
			return snapshots.Origin{}, fmt.Errorf("read the persistentvolume of claim %s/%s: %w", claim.PVC.Namespace, claim.PVC.Name, err) // the cache may be behind
		}
		all = slices.DeleteFunc(slices.Clone(seen.Cluster.Of(claim.Volume)), func(o snapshots.Snapshot) bool { return o.UID == s.UID })
		if pv.Spec.CSI != nil && pv.Spec.CSI.VolumeHandle == handle {
			lineage := claim.Lineage(&pv, all, seen.Backup.PromoteAfter, now)
			return snapshots.Origin{Handle: handle, PV: pv.Name, ClaimUID: string(claim.PVC.UID), Lineage: lineage}, nil
		}
	}
	return s.OriginOf(handle, all), nil
}

// Memory is of which snapshots it is known in a term that they are of the volume that
// they say.
type Memory struct {
	mu   sync.Mutex
	sure map[types.NamespacedName]map[types.UID]bool // by KafkaBackup
}

// keep forgets the snapshots of a KafkaBackup that are in doubt no more, and returns the
// rest.
func (m *Memory) keep(backup types.NamespacedName, doubtful []snapshots.Snapshot) map[types.UID]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest := map[types.UID]bool{}
	for i := range doubtful {
		if uid := doubtful[i].UID; m.sure[backup][uid] {
			rest[uid] = true
		}
	}
	delete(m.sure, backup)
	for uid := range rest {
		m.add(backup, uid)
	}
	return rest
}

func (m *Memory) note(backup types.NamespacedName, uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(backup, uid)
}

func (m *Memory) add(backup types.NamespacedName, uid types.UID) {
	if m.sure == nil {
		m.sure = map[types.NamespacedName]map[types.UID]bool{}
	}
	if m.sure[backup] == nil {
		m.sure[backup] = map[types.UID]bool{}
	}
	m.sure[backup][uid] = true
}

// Forget forgets a KafkaBackup that is gone.
func (m *Memory) Forget(backup types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sure, backup)
}
