package verify

import (
	"context"
	"fmt"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// restoring reports whether the claim waits for the snapshot that the webhook gave
// it. A source that its creator has chosen is the creator's business.
func (s subject) restoring() bool {
	source := snapshots.SourceOf(s.PVC)
	return source != "" && s.PVC.Annotations[v1alpha1.AnnotationRestoredFrom] == source && snapshots.Unbound(s.PVC) && s.PVC.DeletionTimestamp == nil
}

// sourceGone reports whether the snapshot that a claim waits for does not exist any
// more, or is being deleted: no provisioner fills a claim from either. The webhook
// reads from the apiserver's watch cache, so that the snapshot may have been deleted
// just before the claim was created. The apiserver is asked only if the cache does
// not have the snapshot, since the cache may be behind.
func (v *Verifier) sourceGone(ctx context.Context, s subject) (bool, error) {
	source := snapshots.SourceOf(s.PVC)
	if slices.ContainsFunc(s.known.Of(s.Volume), func(other snapshots.Snapshot) bool { return other.Name == source && !other.Deleting }) {
		return false, nil
	}
	if len(content.IsPathSegmentName(source)) > 0 { // no object has this name, and no request can ask for it
		return true, nil
	}
	var vs snapshotv1.VolumeSnapshot
	err := v.APIReader.Get(ctx, types.NamespacedName{Namespace: s.PVC.Namespace, Name: source}, &vs)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read volumesnapshot %s/%s, which claim %s waits for: %w", s.PVC.Namespace, source, s.PVC.Name, err)
	}
	return vs.DeletionTimestamp != nil, nil
}
