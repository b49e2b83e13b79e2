// Package contents reads from the VolumeSnapshotContents of which volumes the storage has
// taken snapshots.
package contents

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/athand"
	"github.com/snapback-dev/snapback/snapshots"
)

// VolumeOf returns the handle of the volume that a snapshot is taken of; empty: nobody
// knows it, as while there is no content. c reads from the apiserver. A content's volume
// never changes, so that its watch cache is as good as any other answer, unless the content
// was lost and made again a moment ago.
func VolumeOf(ctx context.Context, c client.Reader, s snapshots.Snapshot) (handle string, err error) {
	if s.Imported { // its content was there before it
		return "", nil
	}
	key := types.NamespacedName{Name: "snapcontent-" + string(s.UID)}
	var content snapshotv1.VolumeSnapshotContent
	if err = c.Get(ctx, key, &content, athand.Get); err != nil { // the watch cache may not have it yet
		err = c.Get(ctx, key, &content)
	}
	switch {
	case apierrors.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("read volumesnapshotcontent %s: %w", key.Name, err)
	case content.Spec.VolumeSnapshotRef.UID != s.UID:
		return "", nil
	}
	return ptr.Deref(content.Spec.Source.VolumeHandle, ""), nil
}
