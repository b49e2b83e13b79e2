package snapshotstest

import (
	"context"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Listed returns the List of a fake client's interceptor that answers with these claims
// and snapshots. The fake client itself takes minutes for as many as a large cluster has.
func Listed(claims []corev1.PersistentVolumeClaim, taken []snapshotv1.VolumeSnapshot) func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
	return func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
		switch l := list.(type) {
		case *corev1.PersistentVolumeClaimList:
			l.Items = claims
		case *snapshotv1.VolumeSnapshotList:
			l.Items = taken
		default:
			return c.List(ctx, list, options...)
		}
		return nil
	}
}
