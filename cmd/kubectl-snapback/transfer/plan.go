package transfer

import (
	"fmt"
	"reflect"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/utils/ptr"
)

// Found holds the objects that the cluster has under the names of a [Pair]; nil
// where there is none.
type Found struct {
	Content  *snapshotv1.VolumeSnapshotContent
	Snapshot *snapshotv1.VolumeSnapshot
	Bound    *snapshotv1.VolumeSnapshotContent // the one that the Snapshot is bound to
}

// Step is what remains to be done for a pair.
type Step struct {
	Pair
	CreateContent  bool
	CreateSnapshot bool
	Release        *snapshotv1.VolumeSnapshotContent // a content as it was read, whose former VolumeSnapshot is gone and has to be removed from it
}

// Done reports whether there is nothing left to do.
func (s Step) Done() bool { return !s.CreateContent && !s.CreateSnapshot }

// Plan compares a pair with what exists, and returns what to do. Another object
// under its names is an error: it is left alone.
func Plan(p Pair, found Found) (Step, error) {
	step := Step{Pair: p}
	name := p.Snapshot.Namespace + "/" + p.Snapshot.Name
	if vs := found.Snapshot; vs != nil {
		switch {
		case vs.DeletionTimestamp != nil:
			return step, fmt.Errorf("volumesnapshot %s is being deleted: import again when it is gone", name)
		case vs.Spec.Source.VolumeSnapshotContentName == nil && original(p, found.Bound):
			return step, nil
		case ptr.Deref(vs.Spec.Source.VolumeSnapshotContentName, "") != p.Content.Name:
			return step, fmt.Errorf("volumesnapshot %s is there and is not of this export: nothing was imported; import into another namespace with -n, or delete it if it is of no use", name)
		}
	}
	step.CreateContent, step.CreateSnapshot = found.Content == nil, found.Snapshot == nil
	if c := found.Content; c != nil {
		switch {
		case c.DeletionTimestamp != nil:
			return step, fmt.Errorf("volumesnapshotcontent %s is being deleted: import again when it is gone", c.Name)
		case !same(p.Content, c):
			return step, fmt.Errorf("volumesnapshotcontent %s is there and is not of this export: nothing was imported", c.Name)
		case step.CreateSnapshot && c.Spec.VolumeSnapshotRef.UID != "":
			step.Release = c
		}
	}
	return step, nil
}

// original reports whether a snapshot that was taken here is the same one that the
// pair would import.
func original(p Pair, bound *snapshotv1.VolumeSnapshotContent) bool {
	return bound != nil && bound.Status != nil && bound.Spec.Driver == p.Content.Spec.Driver &&
		ptr.Deref(bound.Status.SnapshotHandle, "") == *p.Content.Spec.Source.SnapshotHandle
}

// same reports whether an import of the pair made the content.
func same(want, got *snapshotv1.VolumeSnapshotContent) bool {
	return got.Spec.Driver == want.Spec.Driver && reflect.DeepEqual(got.Spec.Source, want.Spec.Source) &&
		got.Spec.DeletionPolicy == want.Spec.DeletionPolicy &&
		got.Spec.VolumeSnapshotRef.Namespace == want.Spec.VolumeSnapshotRef.Namespace && got.Spec.VolumeSnapshotRef.Name == want.Spec.VolumeSnapshotRef.Name
}
