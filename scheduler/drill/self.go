package drill

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// self is what the pods of drills take over from the pod of this process: they run
// the same image.
type self struct {
	image       string
	pullPolicy  corev1.PullPolicy
	pullSecrets []corev1.LocalObjectReference
	user        v1alpha1.DrillSecurityContext
}

// The names of the container of this process, which a mesh may put others beside, and of
// the one of a drill.
const (
	ownContainer   = "drills"
	drillContainer = "verify"
)

// readSelf reads the pod of this process.
func readSelf(ctx context.Context, c client.Reader, key types.NamespacedName) (self, error) {
	var pod corev1.Pod
	if err := c.Get(ctx, key, &pod); err != nil {
		return self{}, fmt.Errorf("read the own pod %s for its image (POD_NAMESPACE and POD_NAME must name it): %w", key, err)
	}
	return selfOf(&pod)
}

func selfOf(pod *corev1.Pod) (self, error) {
	if len(pod.Spec.Containers) == 0 {
		return self{}, fmt.Errorf("pod %s/%s has no containers", pod.Namespace, pod.Name)
	}
	i := max(0, slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == ownContainer }))
	own := &pod.Spec.Containers[i]
	return self{
		image: own.Image, pullPolicy: own.ImagePullPolicy, pullSecrets: pod.Spec.ImagePullSecrets,
		user: userOf(pod, func(c *corev1.Container) bool { return c.Name == own.Name }),
	}, nil
}
