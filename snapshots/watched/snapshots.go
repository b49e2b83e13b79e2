package watched

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Snapshots knows the snapshots that Snapback has made.
type Snapshots struct {
	Follower

	// Changed is called with the KafkaBackups that a snapshot belongs to or belonged
	// to before, after each of its changes; nil: nobody wants to know. Set it first.
	Changed func(types.NamespacedName)

	trim  func(snapshots.Snapshot) snapshots.Snapshot
	first chan struct{} // closed when all of them are known

	mu    sync.RWMutex
	known *snapshots.Catalog // nil: not all of them are known yet

	begun *initial // the list that comes one by one; nil: none does

	listed alike
}

var (
	_ manager.Runnable             = &Snapshots{}
	_ toolscache.TransformingStore = &Snapshots{}
)

// NewSnapshots returns a store that watches the apiserver once it is started. trim
// returns what is kept of a snapshot.
func NewSnapshots(c client.WithWatch, trim func(snapshots.Snapshot) snapshots.Snapshot, match ...client.ListOption) *Snapshots {
	match = append(match, client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
	return &Snapshots{
		Follower: Follower{Client: c, Name: "snapshots", Kind: &snapshotv1.VolumeSnapshot{},
			List: func() client.ObjectList { return &snapshotv1.VolumeSnapshotList{} }, Match: match},
		trim: trim, first: make(chan struct{}),
	}
}

// NewStaticSnapshots returns a store of these snapshots, which watches nothing.
func NewStaticSnapshots(trim func(snapshots.Snapshot) snapshots.Snapshot, all ...*snapshotv1.VolumeSnapshot) *Snapshots {
	c := NewSnapshots(nil, trim)
	items := make([]any, len(all))
	for i, vs := range all {
		items[i] = vs
	}
	_ = c.Replace(items, "") // never fails
	return c
}

// Start implements [manager.Runnable].
func (c *Snapshots) Start(ctx context.Context) error {
	c.Follow(ctx, c)
	return nil
}

// ErrUnsynced is the error while not all snapshots are known.
var ErrUnsynced = errors.New("the snapshots are not all known yet")

// Known returns the known snapshots; nil if the cluster does not know the kind
// VolumeSnapshot. It is an error while the snapshots are not all known yet.
func (c *Snapshots) Known() (*snapshots.Catalog, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch {
	case c.Absent():
		return nil, nil
	case c.known == nil:
		return nil, ErrUnsynced
	}
	return c.known, nil
}

// parsed is a snapshot on its way into the catalog. It is small, because the list
// of all of them is in memory at once if it comes in pages.
type parsed struct {
	types.NamespacedName
	snapshot *snapshots.Snapshot // nil: not one of Snapback's
}

// Transformer implements [toolscache.TransformingStore].
func (c *Snapshots) Transformer() toolscache.TransformFunc { return c.parse }

func (c *Snapshots) parse(o any) (any, error) {
	vs, ok := o.(*snapshotv1.VolumeSnapshot)
	if !ok || vs == listed {
		return o, nil
	}
	p := &parsed{NamespacedName: client.ObjectKeyFromObject(vs)}
	s, err := snapshots.NewSnapshot(vs)
	if err != nil { // somebody has changed its metadata; a volume with only this one is still not new
		log.Log.Error(err, "a snapshot cannot be read", "namespace", vs.Namespace, "snapshot", vs.Name)
		if s.Unreadable == "" {
			return p, nil
		}
	}
	if s.Size != nil {
		_ = s.Size.String() // the first call of String changes a Quantity, and readers share it
	}
	s = c.listed.share(c.trim(s))
	p.snapshot = &s
	return p, nil
}

func (c *Snapshots) parsedOf(item any) *parsed {
	if p, ok := Kept(item, c.parse).(*parsed); ok {
		return p
	}
	return &parsed{}
}

// Replace implements [toolscache.ReflectorStore].
func (c *Snapshots) Replace(items []any, _ string) error {
	fresh, count := c.list(items)
	c.mu.Lock()
	before := c.known
	c.known = fresh
	c.mu.Unlock()
	c.listed.forget()
	if count >= largeList {
		go debug.FreeOSMemory() // what a large list took is not needed again for long
	}
	if before == nil {
		close(c.first)
	}
	if c.Changed != nil {
		c.tell(slices.Concat(before.Backups(), fresh.Backups())...)
	}
	return nil
}

// tell tells of the KafkaBackups of changed snapshots, of each once.
func (c *Snapshots) tell(backups ...types.NamespacedName) {
	if c.Changed == nil {
		return
	}
	told := map[types.NamespacedName]bool{}
	for _, b := range backups {
		if !told[b] {
			told[b] = true
			c.Changed(b)
		}
	}
}

// Add implements [toolscache.ReflectorStore].
func (c *Snapshots) Add(item any) error {
	return c.change("add", c.parsedOf(item))
}

// Update implements [toolscache.ReflectorStore].
func (c *Snapshots) Update(item any) error { return c.Add(item) }

// Delete implements [toolscache.ReflectorStore].
func (c *Snapshots) Delete(item any) error {
	return c.change("delete", &parsed{NamespacedName: c.parsedOf(item).NamespacedName})
}

// change puts a snapshot in the place of the one before; without one that is gone.
func (c *Snapshots) change(verb string, p *parsed) error {
	c.mu.RLock()
	known := c.known
	c.mu.RUnlock()
	if known == nil {
		return fmt.Errorf("%s a snapshot: %w", verb, ErrUnsynced)
	}
	c.listed.forget()
	var of []types.NamespacedName
	if before, ok := known.BackupOf(p.NamespacedName); ok {
		of = append(of, before)
	}
	if p.snapshot == nil {
		known.Delete(p.NamespacedName)
	} else {
		known.Put(p.Namespace, *p.snapshot)
		of = append(of, types.NamespacedName{Namespace: p.Namespace, Name: p.snapshot.Annotations[v1alpha1.AnnotationBackupName]})
	}
	c.tell(of...)
	return nil
}

// WaitForSync waits until all snapshots are known.
func (c *Snapshots) WaitForSync(ctx context.Context) error {
	select {
	case <-c.first:
		return nil
	case <-ctx.Done():
		return ErrUnsynced
	}
}

// Resync implements [toolscache.ReflectorStore]; there is nothing to do.
func (c *Snapshots) Resync() error { return nil }
