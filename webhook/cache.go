package webhook

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// CacheOptions are those of the cache that the handler reads from. It changes
// nothing that it reads, and little is kept of what tenants write: one
// process answers all of them.
func CacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform:             cache.TransformStripManagedFields(),
		DefaultUnsafeDisableDeepCopy: ptr.To(true),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.PersistentVolume{}:      {Transform: phaseOnly},
			&corev1.PersistentVolumeClaim{}: {Transform: peerOnly},
			&corev1.Namespace{}:             {Transform: controlsOnly},
		},
	}
}

// phaseOnly keeps the name and the phase of a PersistentVolume.
func phaseOnly(o any) (any, error) {
	pv, ok := o.(*corev1.PersistentVolume)
	if !ok {
		return o, nil
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: pv.Name, UID: pv.UID, ResourceVersion: pv.ResourceVersion},
		Status:     corev1.PersistentVolumeStatus{Phase: pv.Status.Phase},
	}, nil
}

// peerOnly keeps of a claim what tells which volume it is of, and what is
// becoming of it.
func peerOnly(o any) (any, error) {
	pvc, ok := o.(*corev1.PersistentVolumeClaim)
	if !ok {
		return o, nil
	}
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pvc.Namespace, Name: pvc.Name, UID: pvc.UID, ResourceVersion: pvc.ResourceVersion,
			CreationTimestamp: pvc.CreationTimestamp, DeletionTimestamp: pvc.DeletionTimestamp, OwnerReferences: pvc.OwnerReferences,
			Labels: pvc.Labels, Annotations: snapshots.Identifying(pvc.Annotations),
		},
		Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: pvc.Spec.StorageClassName, VolumeName: pvc.Spec.VolumeName,
			DataSource: pvc.Spec.DataSource, DataSourceRef: pvc.Spec.DataSourceRef},
		Status: corev1.PersistentVolumeClaimStatus{Phase: pvc.Status.Phase},
	}, nil
}

// controlsOnly keeps the control annotations of a namespace.
func controlsOnly(o any) (any, error) {
	ns, ok := o.(*corev1.Namespace)
	if !ok {
		return o, nil
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: ns.Name, UID: ns.UID, ResourceVersion: ns.ResourceVersion, Annotations: snapshots.Controls(ns.Annotations),
	}}, nil
}

// Warm starts to fill the cache before the first claim comes.
func Warm(ctx context.Context, c cache.Cache) error {
	for _, o := range []client.Object{
		&corev1.Namespace{}, &storagev1.StorageClass{}, &corev1.PersistentVolume{}, &corev1.PersistentVolumeClaim{},
	} {
		if _, err := c.GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watch %T: %w", o, err)
		}
	}
	return nil
}

// freshened reads from a cache, and what that does not have from the
// apiserver: it may be too new for the cache.
type freshened struct {
	client.Reader // the cache
	live          client.Reader
}

func (f freshened) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	err := f.Reader.Get(ctx, key, o, options...)
	if apierrors.IsNotFound(err) {
		return f.live.Get(ctx, key, o, options...)
	}
	return err
}
