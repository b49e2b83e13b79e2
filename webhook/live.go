package webhook

import (
	"context"
	"fmt"
	"maps"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/watched"
)

// listLive lists the snapshots of the volume from the apiserver. If there are
// none, it looks for snapshots that show that the claim is of another volume. If
// there are none either, it looks for snapshots that Snapback did not make and
// that a person allows for the claim. It reports whether the claim is of another
// volume.
func (c *consideration) listLive(ctx context.Context) (another bool, err error) {
	v := c.claim.Volume
	own, err := c.listOwn(ctx, v.Namespace, client.MatchingLabels{v1alpha1.LabelVolume: v.Hash()})
	c.know(own)
	if err != nil || len(snapshots.Candidates(own)) > 0 {
		return false, err
	}
	c.know(append(own, c.catalog.Spoilt(v)...))
	if c.pvc.Name == "" {
		return false, nil
	}
	if another, err = c.recall(ctx, true); err != nil || another || c.refused != nil {
		return another, err
	}
	adopted, err := c.listAdopted(ctx)
	c.know(append(c.known, adopted...))
	return false, err
}

// listAdopted lists the snapshots that Snapback did not make and that a person
// allows for the claim.
func (c *consideration) listAdopted(ctx context.Context) ([]snapshots.Snapshot, error) {
	foreign, err := labels.NewRequirement(v1alpha1.LabelVolume, selection.DoesNotExist, nil)
	if err != nil {
		return nil, fmt.Errorf("select the snapshots of others: %w", err)
	}
	var known []snapshots.Snapshot
	err = c.eachSnapshot(ctx, c.namespace, client.MatchingLabelsSelector{Selector: labels.NewSelector().Add(*foreign)}, func(vs *snapshotv1.VolumeSnapshot) {
		if s, ok := snapshots.Adopted(vs, c.claim.Volume, c.pvc); ok {
			known = append(known, s.Lean())
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list the snapshots of others in namespace %s: %w", c.namespace, err)
	}
	return known, nil
}

// readAhead starts a live read of the snapshot that will probably be chosen. The
// result is needed unless the claim's neighbours change the choice. nil: none.
func (c *consideration) readAhead(ctx context.Context, s *snapshots.Snapshot) {
	if s == nil {
		return
	}
	c.ahead = make(chan seen, 1)
	go func(v snapshots.Volume, old snapshots.Snapshot, answer chan<- seen) { answer <- c.see(ctx, v, old) }(c.claim.Volume, *s, c.ahead)
}

// seen is the answer of the apiserver to the read of a snapshot. live is nil if
// the snapshot is gone, is being deleted, or was replaced by another one.
type seen struct {
	name string
	live *snapshots.Snapshot
	err  error
}

// refresh reads a snapshot live and replaces the known one. It reports whether
// both are the same.
func (c *consideration) refresh(ctx context.Context, old snapshots.Snapshot) (bool, error) {
	var now seen
	if c.ahead != nil {
		now = <-c.ahead
		c.ahead = nil
	}
	if now.name != old.Name {
		now = c.see(ctx, c.claim.Volume, old)
	}
	if now.err != nil {
		return false, now.err
	}
	live := now.live
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

// see reads a snapshot from the apiserver.
func (c *consideration) see(ctx context.Context, v snapshots.Volume, old snapshots.Snapshot) seen {
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

// listOwn lists Snapback's snapshots that match from the apiserver. It includes
// those whose label says that another tool manages them.
func (d decider) listOwn(ctx context.Context, namespace string, match client.MatchingLabels) ([]snapshots.Snapshot, error) {
	var known []snapshots.Snapshot
	err := d.eachSnapshot(ctx, namespace, match, func(vs *snapshotv1.VolumeSnapshot) {
		s, err := snapshots.NewSnapshot(vs)
		if err != nil && s.Unreadable == "" {
			return
		}
		if err != nil { // the decision reports it
			log.FromContext(ctx).Error(err, "a snapshot cannot be read", "snapshot", vs.Name)
		}
		known = append(known, s.Lean())
	})
	if err != nil {
		return nil, fmt.Errorf("list the snapshots of namespace %s by %v: %w", namespace, match, err)
	}
	return known, nil
}

// pageSize is how many snapshots are listed at once: each may be as large as the
// apiserver allows.
const pageSize = 20

// eachSnapshot calls do for each matching snapshot on the apiserver. Only one claim
// of a namespace has a page of them in memory at a time.
func (d decider) eachSnapshot(ctx context.Context, namespace string, match client.ListOption, do func(*snapshotv1.VolumeSnapshot)) error {
	release, err := d.lists.acquire(ctx, namespace)
	if err != nil {
		return err
	}
	defer release()
	page := &client.ListOptions{Limit: pageSize}
	for {
		var list snapshotv1.VolumeSnapshotList
		if err := d.Live.List(ctx, &list, client.InNamespace(namespace), match, page); err != nil {
			return err
		}
		for i := range list.Items {
			do(&list.Items[i])
		}
		if page.Continue = list.Continue; page.Continue == "" {
			return nil
		}
	}
}

// confirmAbsent returns an error unless the apiserver still does not know
// VolumeSnapshots. The catalog asks only every few seconds.
func (d decider) confirmAbsent(ctx context.Context, v snapshots.Volume) error {
	_, err := d.listOwn(ctx, v.Namespace, client.MatchingLabels{v1alpha1.LabelVolume: v.Hash()})
	switch {
	case err == nil:
		return watched.ErrUnsynced
	case watched.UnknownKind(err):
		return nil
	}
	return err
}
