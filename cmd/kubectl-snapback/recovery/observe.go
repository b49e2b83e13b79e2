package recovery

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Look reads what a plan needs besides the inventory. A user who may not read
// PersistentVolumes does without them.
func Look(ctx context.Context, c client.Client, namespace string) (Around, error) {
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		return Around{}, fmt.Errorf("list the pods: %w", err)
	}
	around := Around{Pods: pods.Items}
	var pvs corev1.PersistentVolumeList
	err := c.List(ctx, &pvs)
	if apierrors.IsForbidden(err) {
		return around, nil
	}
	if err != nil {
		return Around{}, fmt.Errorf("list the persistentvolumes: %w", err)
	}
	around.Volumes = map[string]*corev1.PersistentVolume{}
	for n := range pvs.Items {
		around.Volumes[pvs.Items[n].Name] = &pvs.Items[n]
	}
	return around, nil
}
