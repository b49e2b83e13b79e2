package webhook

import (
	"context"
	"errors"
	"fmt"
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

// Catalog watches the snapshots that Snapback has made. Each is parsed once, when
// it arrives, and only the fields that decisions read are kept.
type Catalog struct {
	follower

	mu    sync.RWMutex
	known *snapshots.Catalog // nil: not all of them are known yet
}

var (
	_ manager.Runnable             = &Catalog{}
	_ toolscache.ReflectorStore    = &Catalog{}
	_ toolscache.TransformingStore = &Catalog{}
)

// NewCatalog returns a catalog that watches the apiserver once it is started.
func NewCatalog(c client.WithWatch) *Catalog {
	return &Catalog{follower: follower{
		client: c, name: "snapshots", kind: &snapshotv1.VolumeSnapshot{},
		list:  func() client.ObjectList { return &snapshotv1.VolumeSnapshotList{} },
		match: client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
	}}
}

// NewStaticCatalog returns a catalog of these snapshots, which watches nothing.
func NewStaticCatalog(all ...*snapshotv1.VolumeSnapshot) *Catalog {
	c := &Catalog{}
	items := make([]any, len(all))
	for i, vs := range all {
		items[i] = vs
	}
	_ = c.Replace(items, "") // never fails
	return c
}

// Start implements [manager.Runnable].
func (c *Catalog) Start(ctx context.Context) error {
	c.follow(ctx, c)
	return nil
}

var errUnsynced = errors.New("the snapshots are not all known yet")

// Known returns the known snapshots; nil if the cluster does not know the kind
// VolumeSnapshot. It is an error while the snapshots are not all known yet.
func (c *Catalog) Known() (*snapshots.Catalog, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch {
	case c.absent.Load():
		return nil, nil
	case c.known == nil:
		return nil, errUnsynced
	}
	return c.known, nil
}

// parsed is a snapshot on its way into the catalog. It is small, because the list
// of all of them is in memory at once.
type parsed struct {
	types.NamespacedName
	snapshot *snapshots.Snapshot // nil: not one of Snapback's
}

func parse(o any) (any, error) {
	vs, ok := o.(*snapshotv1.VolumeSnapshot)
	if !ok {
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
	s = s.Lean()
	p.snapshot = &s
	return p, nil
}

// Transformer implements [toolscache.TransformingStore].
func (c *Catalog) Transformer() toolscache.TransformFunc { return parse }

// Replace implements [toolscache.ReflectorStore].
func (c *Catalog) Replace(items []any, _ string) error {
	all := map[string][]snapshots.Snapshot{}
	for _, item := range items {
		if p := parsedOf(item); p.snapshot != nil {
			all[p.Namespace] = append(all[p.Namespace], *p.snapshot)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = snapshots.NewCatalog(all)
	return nil
}

func parsedOf(item any) *parsed {
	o, _ := parse(item) // never fails
	p, ok := o.(*parsed)
	if !ok {
		return &parsed{}
	}
	return p
}

// Add implements [toolscache.ReflectorStore].
func (c *Catalog) Add(item any) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.known == nil {
		return fmt.Errorf("add a snapshot: %w", errUnsynced)
	}
	p := parsedOf(item)
	if p.snapshot == nil {
		return c.forget(p)
	}
	c.known.Put(p.Namespace, *p.snapshot)
	return nil
}

// Update implements [toolscache.ReflectorStore].
func (c *Catalog) Update(item any) error { return c.Add(item) }

// Delete implements [toolscache.ReflectorStore].
func (c *Catalog) Delete(item any) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.known == nil {
		return fmt.Errorf("delete a snapshot: %w", errUnsynced)
	}
	return c.forget(parsedOf(item))
}

func (c *Catalog) forget(p *parsed) error {
	c.known.Delete(p.NamespacedName)
	return nil
}

// Resync implements [toolscache.ReflectorStore]; there is nothing to do.
func (c *Catalog) Resync() error { return nil }
