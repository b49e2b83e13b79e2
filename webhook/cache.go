package webhook

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// CacheOptions are those of the cache that the handler reads from. It changes
// nothing that it reads, and of volumes it reads little.
func CacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform:             cache.TransformStripManagedFields(),
		DefaultUnsafeDisableDeepCopy: ptr.To(true),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.PersistentVolume{}: {Transform: phaseOnly},
			&corev1.ConfigMap{}:        {Label: labels.SelectorFromSet(labels.Set{snapshots.LabelConfigMap: "true"})},
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

// Warm starts to fill the cache before the first claim comes. A kind that the
// cluster does not have yet is left to the first claim that asks for it.
func Warm(ctx context.Context, c cache.Cache) error {
	for _, o := range []client.Object{
		&v1alpha1.KafkaBackup{}, &corev1.ConfigMap{}, &corev1.Namespace{}, &storagev1.StorageClass{},
		&corev1.PersistentVolume{}, &corev1.PersistentVolumeClaim{},
	} {
		if _, err := c.GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil && !meta.IsNoMatchError(err) {
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
