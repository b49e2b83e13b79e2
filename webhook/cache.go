package webhook

import (
	"context"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// CacheOptions returns the options of the cache that the handler reads from. The
// cache need not copy objects, since the handler changes none. It keeps little of
// the objects that tenants write, since one process answers all tenants.
func CacheOptions() cache.Options {
	var claims peers
	return cache.Options{
		DefaultTransform:             cache.TransformStripManagedFields(),
		DefaultUnsafeDisableDeepCopy: ptr.To(true),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.PersistentVolume{}:      {Transform: phaseOnly},
			&corev1.PersistentVolumeClaim{}: {Transform: claims.only},
			&corev1.Namespace{}:             {Transform: controlsOnly},
		},
	}
}

// phaseOnly returns a PersistentVolume with only its name and phase.
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

// peers makes claims small. One that follows another one of its cluster shares with it
// what is equal, which is half of what would be kept of it.
type peers struct {
	mu     sync.Mutex
	labels map[string]string
	owners []metav1.OwnerReference
}

// only returns a claim with only the fields that identify its volume and show its state.
func (p *peers) only(o any) (any, error) {
	pvc, ok := o.(*corev1.PersistentVolumeClaim)
	if !ok {
		return o, nil
	}
	labels, owners := p.share(pvc.Labels, pvc.OwnerReferences)
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pvc.Namespace, Name: pvc.Name, UID: pvc.UID, ResourceVersion: pvc.ResourceVersion,
			CreationTimestamp: pvc.CreationTimestamp, DeletionTimestamp: pvc.DeletionTimestamp, OwnerReferences: owners,
			Labels: labels, Annotations: snapshots.Identifying(pvc.Annotations),
		},
		Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: pvc.Spec.StorageClassName, VolumeName: pvc.Spec.VolumeName,
			DataSource: pvc.Spec.DataSource, DataSourceRef: pvc.Spec.DataSourceRef},
		Status: corev1.PersistentVolumeClaimStatus{Phase: pvc.Status.Phase},
	}, nil
}

func (p *peers) share(labels map[string]string, owners []metav1.OwnerReference) (map[string]string, []metav1.OwnerReference) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !maps.Equal(labels, p.labels) {
		p.labels = labels
	}
	if !equality.Semantic.DeepEqual(owners, p.owners) {
		p.owners = owners
	}
	return p.labels, p.owners
}

// controlsOnly returns a namespace with only its control annotations.
func controlsOnly(o any) (any, error) {
	ns, ok := o.(*corev1.Namespace)
	if !ok {
		return o, nil
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: ns.Name, UID: ns.UID, ResourceVersion: ns.ResourceVersion, Annotations: snapshots.Controls(ns.Annotations),
	}}, nil
}

// Warm starts to fill the cache before the first claim arrives.
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

// freshened is a reader of a cache. It reads an object that the cache does not have
// from the apiserver, since the object may be too new for the cache.
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
