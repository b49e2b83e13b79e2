package prune

import (
	"context"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/snapshots"
)

// A VolumeSnapshotContent can be lost, for example if people delete it. The snapshot
// controller then makes it again, and asks the storage for another snapshot, of the claim
// that has the name now. As long as that fails, the controller keeps the claim from going.

// mayBeLost reports whether the content of a snapshot that was cut may have been lost.
// What people hold stays, so that they can bring the content back.
func mayBeLost(s *snapshots.Snapshot) bool {
	return !s.Cut.IsZero() && !s.Ready && !s.Deleting && !s.HeldByPeople() && s.Failure != ""
}

// isLost reports whether the storage has nothing of a snapshot that was cut: its content is
// gone, and its claim terminates, so that it cannot be made again, or its content was made
// again, and the storage has taken nothing for that.
func (p *Pruner) isLost(ctx context.Context, vs *snapshotv1.VolumeSnapshot, terminating bool) (bool, error) {
	var content snapshotv1.VolumeSnapshotContent
	switch found, err := p.readContent(ctx, contentName(vs), &content); {
	case err != nil:
		return false, err
	case !found:
		return terminating, nil
	}
	return isContentOf(&content, vs) && (content.Status == nil || ptr.Deref(content.Status.SnapshotHandle, "") == "" && content.Status.CreationTime == nil), nil
}
