package prune

import (
	"cmp"
	"context"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// policyDelay is the time between a change of the deletionPolicy and the
// snapshot's deletion. The snapshot controller reads contents from a cache. If
// it did not know the new policy yet, it would leave the stored data behind.
const policyDelay = 5 * time.Second

// step is what is done with a content before its snapshot is deleted.
type step int

const (
	stepNone  step = iota // nothing: the stored data goes with the snapshot
	stepTurn              // set the deletionPolicy to Delete first
	stepWait              // wait: it was just set, and the snapshot controller may not know
	stepLeave             // leave the stored data behind
)

// before returns what is done with a content before its snapshot is deleted.
//
// A retained content stays retained if the installation keeps all contents, or if
// the snapshot may not be Snapback's own. Otherwise a person who may only label
// VolumeSnapshots could get stored data deleted that the class protects.
func before(content *snapshotv1.VolumeSnapshotContent, s snapshots.Snapshot, keep bool, now time.Time) step {
	if content.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentDelete {
		if keep || s.Relabelled {
			return stepLeave
		}
		return stepTurn
	}
	since, err := time.Parse(time.RFC3339, content.Annotations[v1alpha1.AnnotationRetained])
	if err == nil && !now.Before(since) && now.Sub(since) < policyDelay {
		return stepWait
	}
	return stepNone
}

// dropContent makes sure that the stored data goes with the snapshot, whatever
// the deletionPolicy of its class is. It reports whether the snapshot can be
// deleted now, and whether its stored data is left behind. If it cannot, the caller must
// try again after [policyDelay].
func (p *Pruner) dropContent(ctx context.Context, vs *snapshotv1.VolumeSnapshot, s snapshots.Snapshot) (ready, left bool, err error) {
	content, err := p.contentOf(ctx, vs)
	if err != nil || content == nil {
		return err == nil, false, err
	}
	now := p.Clock.Now()
	switch before(content, s, p.KeepContents, now) {
	case stepTurn:
		return false, false, p.setPolicy(ctx, content, snapshotv1.VolumeSnapshotContentDelete, now.UTC().Format(time.RFC3339))
	case stepWait:
		return false, false, nil
	case stepLeave:
		log.FromContext(ctx).Info("stored data stays", "volumeSnapshotContent", content.Name, "namespace", vs.Namespace, "snapshot", vs.Name)
		left = true
	}
	return true, left, nil
}

// keepContent restores the deletionPolicy that dropContent has changed.
func (p *Pruner) keepContent(ctx context.Context, namespace, snapshot string) error {
	var vs snapshotv1.VolumeSnapshot
	if err := p.APIReader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: snapshot}, &vs); err != nil {
		return fmt.Errorf("read volumesnapshot %s/%s: %w", namespace, snapshot, err)
	}
	content, err := p.contentOf(ctx, &vs)
	if err != nil || content == nil {
		return err
	}
	if _, changed := content.Annotations[v1alpha1.AnnotationRetained]; !changed {
		return nil
	}
	return p.setPolicy(ctx, content, snapshotv1.VolumeSnapshotContentRetain, nil)
}

// contentOf reads the content that was made for a snapshot. It returns nil if
// there is none.
func (p *Pruner) contentOf(ctx context.Context, vs *snapshotv1.VolumeSnapshot) (*snapshotv1.VolumeSnapshotContent, error) {
	name := contentName(vs)
	if name == "" {
		return nil, nil
	}
	var content snapshotv1.VolumeSnapshotContent
	if found, err := p.readContent(ctx, name, &content); err != nil || !found || !isContentOf(&content, vs) {
		return nil, err
	}
	return &content, nil
}

func (p *Pruner) readContent(ctx context.Context, name string, content *snapshotv1.VolumeSnapshotContent) (found bool, err error) {
	if err := p.APIReader.Get(ctx, types.NamespacedName{Name: name}, content); apierrors.IsNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("read volumesnapshotcontent %s: %w", name, err)
	}
	return true, nil
}

// isContentOf reports whether a content was made for a snapshot.
func isContentOf(content *snapshotv1.VolumeSnapshotContent, vs *snapshotv1.VolumeSnapshot) bool {
	return content.Spec.VolumeSnapshotRef.UID == vs.UID && content.Spec.Source.SnapshotHandle == nil
}

// contentName is the name of the content that was made for a snapshot; empty for
// an imported snapshot. The content of that one existed before it, so Snapback
// must not change it. A content gets its name before the snapshot's status shows
// it.
func contentName(vs *snapshotv1.VolumeSnapshot) string {
	if vs.Spec.Source.VolumeSnapshotContentName != nil {
		return ""
	}
	name := "snapcontent-" + string(vs.UID)
	if vs.Status != nil {
		name = cmp.Or(ptr.Deref(vs.Status.BoundVolumeSnapshotContentName, ""), name)
	}
	return name
}

// setPolicy patches the deletionPolicy of a content, unless the content has
// changed since it was read.
func (p *Pruner) setPolicy(ctx context.Context, content *snapshotv1.VolumeSnapshotContent, policy snapshotv1.DeletionPolicy, retained any) error {
	patch, err := mergepatch.Of(content.UID, content.ResourceVersion, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationRetained: retained}},
		"spec":     map[string]any{"deletionPolicy": policy},
	})
	if err == nil {
		err = p.Client.Patch(ctx, content, patch)
	}
	if err != nil {
		return fmt.Errorf("set the deletionPolicy of volumesnapshotcontent %s to %s: %w", content.Name, policy, err)
	}
	return nil
}
