package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// contentSettles is how long the snapshot controller has to see the changed
// deletionPolicy: it reads contents from a cache, and would else leave the
// stored data of a snapshot that is deleted right after.
const contentSettles = 5 * time.Second

// dropContent sees to it that the stored data goes with the snapshot, whatever
// the deletionPolicy of its class. It reports whether the snapshot can be
// deleted; else it is to be looked at again when the policy has settled.
//
// What is retained stays so if the installation says that all is, or if the
// snapshot may be another's: who may label VolumeSnapshots must not get stored
// data deleted that the class keeps from him.
func (r *Reconciler) dropContent(ctx context.Context, vs *snapshotv1.VolumeSnapshot) (bool, error) {
	content, err := r.contentOf(ctx, vs)
	if err != nil || content == nil {
		return err == nil, err
	}
	now := r.Clock.Now()
	if content.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentDelete {
		if s, err := snapshots.NewSnapshot(vs); r.KeepContents || err != nil || s.Relabelled {
			log.FromContext(ctx).Info("stored data stays", "volumesnapshotcontent", content.Name, "volumesnapshot", client.ObjectKeyFromObject(vs))
			key := types.NamespacedName{Namespace: vs.Namespace, Name: vs.Annotations[v1alpha1.AnnotationBackupName]}
			r.figures.update(key, func(f *figures) { f.left++ })
			return true, nil //nolint:nilerr // one that cannot be read may be another's
		}
		return false, r.setPolicy(ctx, content, snapshotv1.VolumeSnapshotContentDelete, now.UTC().Format(time.RFC3339))
	}
	since, err := time.Parse(time.RFC3339, content.Annotations[v1alpha1.AnnotationRetained])
	fresh := err == nil && !now.Before(since) && now.Sub(since) < contentSettles
	return !fresh, nil
}

// keepContent puts back the deletionPolicy that dropContent has changed.
func (r *Reconciler) keepContent(ctx context.Context, namespace, snapshot string) error {
	var vs snapshotv1.VolumeSnapshot
	if err := r.APIReader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: snapshot}, &vs); err != nil {
		return fmt.Errorf("read volumesnapshot %s/%s: %w", namespace, snapshot, err)
	}
	content, err := r.contentOf(ctx, &vs)
	if err != nil || content == nil {
		return err
	}
	if _, changed := content.Annotations[v1alpha1.AnnotationRetained]; !changed {
		return nil
	}
	return r.setPolicy(ctx, content, snapshotv1.VolumeSnapshotContentRetain, nil)
}

// contentOf reads the content that was made for a snapshot; nil without one.
// That of an imported snapshot was there before it: it is not ours to touch. The
// snapshot controller names a content before the snapshot says so.
func (r *Reconciler) contentOf(ctx context.Context, vs *snapshotv1.VolumeSnapshot) (*snapshotv1.VolumeSnapshotContent, error) {
	if vs.Spec.Source.VolumeSnapshotContentName != nil {
		return nil, nil
	}
	name := "snapcontent-" + string(vs.UID)
	if vs.Status != nil {
		name = cmp.Or(ptr.Deref(vs.Status.BoundVolumeSnapshotContentName, ""), name)
	}
	var content snapshotv1.VolumeSnapshotContent
	if err := r.APIReader.Get(ctx, types.NamespacedName{Name: name}, &content); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read volumesnapshotcontent %s: %w", name, err)
	}
	if content.Spec.VolumeSnapshotRef.UID != vs.UID || content.Spec.Source.SnapshotHandle != nil {
		return nil, nil
	}
	return &content, nil
}

// setPolicy patches the deletionPolicy of a content as it was read.
func (r *Reconciler) setPolicy(ctx context.Context, content *snapshotv1.VolumeSnapshotContent, policy snapshotv1.DeletionPolicy, retained any) error {
	patch, err := mergepatch.Of(content.UID, content.ResourceVersion, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationRetained: retained}},
		"spec":     map[string]any{"deletionPolicy": policy},
	})
	if err == nil {
		err = r.Client.Patch(ctx, content, patch)
	}
	if err != nil {
		return fmt.Errorf("set the deletionPolicy of volumesnapshotcontent %s to %s: %w", content.Name, policy, err)
	}
	return nil
}
