package world

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
)

// Claims are the claims that a volume has now.
func (w *World) Claims(ctx context.Context, v plan.Volume) ([]corev1.PersistentVolumeClaim, error) {
	var all corev1.PersistentVolumeClaimList
	if err := w.People.List(ctx, &all, client.InNamespace(v.Namespace)); err != nil {
		return nil, fmt.Errorf("list claims: %w", err)
	}
	var of []corev1.PersistentVolumeClaim
	for i := range all.Items {
		if other, ok := w.VolumeOf(&all.Items[i]); ok && other.Key == v.Key {
			of = append(of, all.Items[i])
		}
	}
	return of, nil
}

// Lose deletes the claims of a volume, and its data with them, and the pod that uses
// them. The operator makes them again.
func (w *World) Lose(ctx context.Context, v plan.Volume) error {
	return w.Try(ctx, func(ctx context.Context) error {
		claims, err := w.Claims(ctx, v)
		if err != nil {
			return err
		}
		for i := range claims {
			if err := w.People.Delete(ctx, &claims[i], client.Preconditions{UID: &claims[i].UID}); client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("delete claim %s: %w", claims[i].Name, err)
			}
		}
		c, _ := w.Layout.Cluster(v.Namespace)
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: v.Namespace, Name: podName(c, v.Node)}}
		if err := w.People.Delete(ctx, pod, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete pod %s: %w", pod.Name, err)
		}
		return nil
	})
}

// Snapshots are the snapshots of a volume, the newest last.
func (w *World) Snapshots(ctx context.Context, v plan.Volume) ([]snapshotv1.VolumeSnapshot, error) {
	var all snapshotv1.VolumeSnapshotList
	if err := w.People.List(ctx, &all, client.InNamespace(v.Namespace)); err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var of []snapshotv1.VolumeSnapshot
	for _, vs := range all.Items {
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: v.Namespace, Name: vs.Annotations[v1alpha1.AnnotationSourcePVC]}}
		if other, ok := w.VolumeOf(claim); ok && other.Key == v.Key {
			of = append(of, vs)
		}
	}
	slices.SortFunc(of, func(a, b snapshotv1.VolumeSnapshot) int {
		return cmp.Compare(a.Labels[v1alpha1.LabelRun], b.Labels[v1alpha1.LabelRun])
	})
	return of, nil
}

// Change makes a merge patch of an object. It is no error if the object is gone.
func (w *World) Change(ctx context.Context, o client.Object, to map[string]any) error {
	body, err := json.Marshal(to)
	if err != nil {
		return fmt.Errorf("encode a change: %w", err)
	}
	return w.Try(ctx, func(ctx context.Context) error {
		return client.IgnoreNotFound(w.People.Patch(ctx, o, client.RawPatch(types.MergePatchType, body)))
	})
}

// Annotate sets an annotation of an object; a nil value removes it.
func (w *World) Annotate(ctx context.Context, o client.Object, key string, value any) error {
	return w.Change(ctx, o, map[string]any{"metadata": map[string]any{"annotations": map[string]any{key: value}}})
}

// GiveUp takes off what an interrupted restore of the plugin has left in a cluster, as
// that says.
func (w *World) GiveUp(ctx context.Context, c plan.Cluster) error {
	return w.Try(ctx, func(ctx context.Context) error {
		var all snapshotv1.VolumeSnapshotList
		if err := w.People.List(ctx, &all, client.InNamespace(c.Namespace)); err != nil {
			return fmt.Errorf("list snapshots: %w", err)
		}
		for i := range all.Items {
			if _, begun := all.Items[i].Annotations[v1alpha1.AnnotationRestoring]; !begun {
				continue
			}
			if err := w.Change(ctx, &all.Items[i], map[string]any{"metadata": map[string]any{"annotations": map[string]any{
				v1alpha1.AnnotationRestoring: nil, v1alpha1.AnnotationRestoreNext: nil, v1alpha1.AnnotationHold: nil}}}); err != nil {
				return err
			}
		}
		return w.start(ctx, c)
	})
}

// Await looks until something is so. What keeps it from looking is a fault, and goes by.
func (w *World) Await(ctx context.Context, so func(context.Context) (bool, error)) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if ok, err := so(ctx); ok && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
