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

	"github.com/snapback-dev/snapback/snapshots"
)

// listLive asks the apiserver for the snapshots of the volume; without any,
// for those that Snapback did not make and a person lets it have.
func (c *consideration) listLive(ctx context.Context) ([]snapshots.Snapshot, error) {
	v := c.claim.Volume
	known, err := c.listOwn(ctx, v)
	if err != nil || len(snapshots.Candidates(known)) > 0 || c.pvc.Name == "" {
		return known, err
	}
	foreign, err := labels.NewRequirement(snapshots.LabelVolume, selection.DoesNotExist, nil)
	if err != nil {
		return nil, fmt.Errorf("select the snapshots of others: %w", err)
	}
	var list snapshotv1.VolumeSnapshotList
	if err := c.Live.List(ctx, &list, client.InNamespace(v.Namespace), client.MatchingLabelsSelector{Selector: labels.NewSelector().Add(*foreign)}); err != nil {
		return nil, fmt.Errorf("list the snapshots of others in namespace %s: %w", v.Namespace, err)
	}
	for i := range list.Items {
		if s, ok := snapshots.Adopted(&list.Items[i], v, c.pvc); ok {
			known = append(known, s.Lean())
		}
	}
	return known, nil
}

// readAhead starts to read live the snapshot that will be chosen unless the
// neighbours say otherwise; nil: none.
func (c *consideration) readAhead(ctx context.Context, s *snapshots.Snapshot) {
	if s == nil {
		return
	}
	c.ahead = make(chan seen, 1)
	go func(v snapshots.Volume, old snapshots.Snapshot, answer chan<- seen) { answer <- c.see(ctx, v, old) }(c.claim.Volume, *s, c.ahead)
}

// seen is a snapshot as the apiserver has it; nil when it is gone, going, or
// another one by now.
type seen struct {
	name string
	live *snapshots.Snapshot
	err  error
}

// refresh reads a snapshot live and replaces what was known of it. It reports
// whether that was the same.
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
	if live != nil && live.Ready == old.Ready && live.Cut.Equal(old.Cut) && maps.Equal(live.Annotations, old.Annotations) {
		return true, nil
	}
	c.known = slices.DeleteFunc(slices.Clone(c.known), func(s snapshots.Snapshot) bool { return s.Name == old.Name })
	if live != nil {
		c.known = append(c.known, *live)
	}
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
	if err != nil || live.UID != old.UID || live.Volume != old.Volume || live.Deleting {
		return seen{name: old.Name}
	}
	live = live.Lean()
	return seen{name: old.Name, live: &live}
}

// listOwn lists the snapshots of the volume from the apiserver.
func (d decider) listOwn(ctx context.Context, v snapshots.Volume) ([]snapshots.Snapshot, error) {
	var list snapshotv1.VolumeSnapshotList
	match := client.MatchingLabels{snapshots.LabelVolume: v.Hash(), snapshots.LabelManagedBy: snapshots.ManagedBy}
	if err := d.Live.List(ctx, &list, client.InNamespace(v.Namespace), match); err != nil {
		return nil, fmt.Errorf("list the snapshots of %s: %w", v, err)
	}
	var known []snapshots.Snapshot
	for i := range list.Items {
		s, err := snapshots.NewSnapshot(&list.Items[i])
		if err != nil { // somebody has changed its metadata: what it holds is not known
			log.FromContext(ctx).Error(err, "passing over a snapshot")
			continue
		}
		known = append(known, s.Lean())
	}
	return known, nil
}

// confirmAbsent returns an error unless the apiserver still knows no
// VolumeSnapshots: the catalog asks every few seconds only.
func (d decider) confirmAbsent(ctx context.Context, v snapshots.Volume) error {
	_, err := d.listOwn(ctx, v)
	switch {
	case err == nil:
		return errUnsynced
	case unknownKind(err):
		return nil
	}
	return err
}
