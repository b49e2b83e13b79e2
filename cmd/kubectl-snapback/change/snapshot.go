package change

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Mark is an annotation that keeps a snapshot from being pruned.
type Mark struct {
	Annotation string
	Means      string // what it means to remove it
}

// marks are those that a release takes off.
var marks = []Mark{
	{v1alpha1.AnnotationHold, "no longer held"},
	{v1alpha1.AnnotationRestoreNext, "no longer what the next claim of its volume gets: that is the newest good snapshot"},
	{v1alpha1.AnnotationAbandoned, "no longer abandoned: lost claims may be restored from it"},
}

// MayChange returns the error that a VolumeSnapshot is not one of Snapback's; nil if
// it is.
func MayChange(vs *snapshotv1.VolumeSnapshot) error {
	if vs.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy {
		return Refusal(fmt.Sprintf("VolumeSnapshot %s was not made by Snapback, which never prunes it; nothing was changed", vs.Name))
	}
	return nil
}

// MayRelease returns the error that a restore has left the snapshot aside, which is
// only released by those who say so; nil if it has not.
func MayRelease(vs *snapshotv1.VolumeSnapshot) error {
	if older, is := vs.Annotations[v1alpha1.AnnotationAbandoned]; is {
		return Refusal(fmt.Sprintf("VolumeSnapshot %s was abandoned by the restore from %s and is kept for that: say --abandoned to let it go, or delete it; nothing was changed", vs.Name, older))
	}
	return nil
}

// Hold keeps a snapshot from being pruned. It reports whether it had to change
// something.
func (c Changer) Hold(ctx context.Context, vs *snapshotv1.VolumeSnapshot, reason string) (changed bool, err error) {
	if before, held := vs.Annotations[v1alpha1.AnnotationHold]; held && before == reason {
		return false, nil
	}
	return true, c.Annotate(ctx, vs, map[string]any{v1alpha1.AnnotationHold: reason})
}

// Release takes off what keeps a snapshot from being pruned, and returns that; nothing
// if nothing did. Ask MayRelease first.
func (c Changer) Release(ctx context.Context, vs *snapshotv1.VolumeSnapshot) ([]Mark, error) {
	return c.takeOff(ctx, vs, marks)
}

func (c Changer) takeOff(ctx context.Context, vs *snapshotv1.VolumeSnapshot, marks []Mark) (found []Mark, err error) {
	off := map[string]any{}
	for _, m := range marks {
		if _, is := vs.Annotations[m.Annotation]; is {
			off[m.Annotation] = nil
			found = append(found, m)
		}
	}
	if len(off) == 0 {
		return nil, nil
	}
	return found, c.Annotate(ctx, vs, off)
}
