package transfer

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/mergepatch"
)

// Look returns the objects that the cluster has under the pair's names.
func Look(ctx context.Context, c client.Reader, p Pair) (Found, error) {
	var found Found
	var content, bound snapshotv1.VolumeSnapshotContent
	var vs snapshotv1.VolumeSnapshot
	if ok, err := get(ctx, c, client.ObjectKeyFromObject(p.Content), &content); err != nil {
		return found, fmt.Errorf("read volumesnapshotcontent %s: %w", p.Content.Name, err)
	} else if ok {
		found.Content = &content
	}
	if ok, err := get(ctx, c, client.ObjectKeyFromObject(p.Snapshot), &vs); err != nil {
		return found, fmt.Errorf("read volumesnapshot %s/%s: %w", p.Snapshot.Namespace, p.Snapshot.Name, err)
	} else if !ok {
		return found, nil
	}
	found.Snapshot = &vs
	if vs.Spec.Source.VolumeSnapshotContentName != nil || vs.Status == nil || vs.Status.BoundVolumeSnapshotContentName == nil {
		return found, nil
	}
	name := *vs.Status.BoundVolumeSnapshotContentName
	if ok, err := get(ctx, c, client.ObjectKey{Name: name}, &bound); err != nil {
		return found, fmt.Errorf("read volumesnapshotcontent %s: %w", name, err)
	} else if ok {
		found.Bound = &bound
	}
	return found, nil
}

func get(ctx context.Context, c client.Reader, key client.ObjectKey, o client.Object) (bool, error) {
	err := c.Get(ctx, key, o)
	return err == nil, client.IgnoreNotFound(err)
}

// Apply creates the objects of the step. The content comes first: a VolumeSnapshot
// without it would show an error.
func Apply(ctx context.Context, c client.Client, s Step, options ...client.CreateOption) error {
	if s.CreateContent {
		if err := c.Create(ctx, s.Content.DeepCopy(), options...); err != nil {
			return fmt.Errorf("create volumesnapshotcontent %s: %w", s.Content.Name, err)
		}
	}
	if s.Release != nil {
		if err := release(ctx, c, s.Release, options); err != nil {
			return fmt.Errorf("take the former volumesnapshot off volumesnapshotcontent %s: %w", s.Content.Name, err)
		}
	}
	if s.CreateSnapshot {
		if err := c.Create(ctx, s.Snapshot.DeepCopy(), options...); err != nil {
			return fmt.Errorf("create volumesnapshot %s/%s: %w", s.Snapshot.Namespace, s.Snapshot.Name, err)
		}
	}
	return nil
}

// annotationSnapshotGone is the annotation that the snapshot controller sets on
// the content of a deleted VolumeSnapshot.
const annotationSnapshotGone = "snapshot.storage.kubernetes.io/volumesnapshot-being-deleted"

// release removes the former VolumeSnapshot from a content, so that another can be
// bound to it. It is a conflict if the content has changed since it was read.
func release(ctx context.Context, c client.Client, content *snapshotv1.VolumeSnapshotContent, create []client.CreateOption) error {
	patch, err := mergepatch.Of(content.UID, content.ResourceVersion, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{annotationSnapshotGone: nil}},
		"spec":     map[string]any{"volumeSnapshotRef": map[string]any{"uid": nil, "resourceVersion": nil}},
	})
	if err != nil {
		return err
	}
	asked := client.CreateOptions{}
	asked.ApplyOptions(create)
	return c.Patch(ctx, content.DeepCopy(), patch, &client.PatchOptions{DryRun: asked.DryRun})
}

// Unknown returns the drivers of the pairs for which the cluster has neither a
// CSIDriver nor a class: their snapshots never become ready.
func Unknown(pairs []Pair, known map[string]bool) (unknown []string) {
	told := map[string]bool{}
	for _, p := range pairs {
		if d := p.Content.Spec.Driver; !known[d] && !told[d] {
			told[d] = true
			unknown = append(unknown, d)
		}
	}
	return unknown
}

// Mismatch returns an error if the class has another driver than a pair.
func Mismatch(pairs []Pair, class *snapshotv1.VolumeSnapshotClass) error {
	for _, p := range pairs {
		if p.Content.Spec.Driver != class.Driver {
			return fmt.Errorf("volumesnapshotclass %s is of driver %s, snapshot %s of %s: name one of that driver, or none",
				class.Name, class.Driver, p.Snapshot.Name, p.Content.Spec.Driver)
		}
	}
	return nil
}
