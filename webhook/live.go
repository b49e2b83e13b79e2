package webhook

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/watched"
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
	if err != nil || snapshots.Newest(own) != nil {
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
