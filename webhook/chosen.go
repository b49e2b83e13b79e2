package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/athand"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/contents"
)

// readAhead starts to read the snapshot that will probably be chosen. The result is
// needed unless the claim's neighbours change the choice. nil: none.
func (c *consideration) readAhead(ctx context.Context, s *snapshots.Snapshot) {
	if s == nil {
		return
	}
	c.ahead = make(chan seen, 1)
	go func(v snapshots.Volume, old snapshots.Snapshot, unsure bool, answer chan<- seen) {
		answer <- c.see(ctx, v, old, unsure)
	}(c.claim.Volume, *s, c.unsure(s), c.ahead)
}

// seen is the answer of the apiserver to the read of a snapshot. live is nil if
// the snapshot is gone, is being deleted, or was replaced by another one.
type seen struct {
	name   string
	live   *snapshots.Snapshot
	handle string // of the volume that it was taken of; empty: not asked for, or unknown
	err    error
}

// refresh reads a snapshot and replaces the known one. It reports whether both are
// the same.
func (c *consideration) refresh(ctx context.Context, old snapshots.Snapshot) (bool, error) {
	var now seen
	if c.ahead != nil {
		now = <-c.ahead
		c.ahead = nil
	}
	if now.name != old.Name {
		now = c.see(ctx, c.claim.Volume, old, c.unsure(&old))
	}
	if now.err != nil {
		return false, now.err
	}
	live := now.live
	if live != nil && live.IsOfAnother(now.handle) {
		corrected := live.TakenOf(live.OriginOf(now.handle, c.known))
		live = &corrected
	}
	if live != nil && live.Unreadable == "" && live.Ready == old.Ready && live.Damaged == old.Damaged && live.Cut.Equal(old.Cut) && maps.Equal(live.Annotations, old.Annotations) {
		return true, nil
	}
	known := slices.DeleteFunc(slices.Clone(c.known), func(s snapshots.Snapshot) bool { return s.Name == old.Name })
	if live != nil {
		known = append(known, *live)
	}
	c.know(known)
	return false, nil
}

// unsure reports whether the scheduler may not have seen of which volume a snapshot was
// taken. It may be away if a run is late.
func (c *consideration) unsure(s *snapshots.Snapshot) bool {
	return c.late || s.JustTaken(c.now) || !c.cluster.LooksAfter(s)
}

// see reads a snapshot, and of which volume it was taken if that is not sure.
func (c *consideration) see(ctx context.Context, v snapshots.Volume, old snapshots.Snapshot, unsure bool) seen {
	if !unsure {
		return c.seeAsKnown(ctx, v, old)
	}
	var handle string
	var err error
	var content sync.WaitGroup
	content.Go(func() { handle, err = contents.VolumeOf(ctx, c.Live, old) })
	now := c.seeAsKnown(ctx, v, old)
	content.Wait()
	now.handle, now.err = handle, errors.Join(now.err, err)
	return now
}

// seeAsKnown reads a snapshot. The apiserver's watch cache is asked whether it is still
// the one that is known. Only if not, it is read from the apiserver itself.
func (c *consideration) seeAsKnown(ctx context.Context, v snapshots.Volume, old snapshots.Snapshot) seen {
	if c.unchanged(ctx, v, old) {
		return seen{name: old.Name, live: &old}
	}
	return c.seeLive(ctx, v, old)
}

// unchanged reports whether the apiserver's watch cache has the snapshot in the
// version that is known. This takes half the time of a live read. The cache may be
// some milliseconds behind, but a snapshot can also be deleted right after a live
// read. An answer of another version, or none, says nothing.
func (c *consideration) unchanged(ctx context.Context, v snapshots.Volume, old snapshots.Snapshot) bool {
	if old.ResourceVersion == "" {
		return false
	}
	var o metav1.PartialObjectMetadata
	o.SetGroupVersionKind(snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshot"))
	err := c.Live.Get(ctx, types.NamespacedName{Namespace: v.Namespace, Name: old.Name}, &o, athand.Get)
	return err == nil && o.UID == old.UID && o.ResourceVersion == old.ResourceVersion
}

// seeLive reads a snapshot from the apiserver itself.
func (c *consideration) seeLive(ctx context.Context, v snapshots.Volume, old snapshots.Snapshot) seen {
	var vs snapshotv1.VolumeSnapshot
	err := c.Live.Get(ctx, types.NamespacedName{Namespace: v.Namespace, Name: old.Name}, &vs)
	if apierrors.IsNotFound(err) {
		return seen{name: old.Name}
	}
	if err != nil {
		return seen{name: old.Name, err: fmt.Errorf("read volumesnapshot %s/%s: %w", v.Namespace, old.Name, err)}
	}
	live, ok := snapshots.Adopted(&vs, v, c.pvc)
	if !ok {
		live, err = snapshots.NewSnapshot(&vs)
	}
	if err != nil && live.Unreadable == "" || live.UID != old.UID || live.Volume != old.Volume || live.Deleting {
		return seen{name: old.Name}
	}
	live = live.Lean()
	return seen{name: old.Name, live: &live}
}
