package drill

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

const (
	volumeName  = "volume"
	mountPath   = "/volume"
	messagePath = corev1.TerminationMessagePathDefault
)

// resources are the requests and limits of the pod. A quota may admit only pods that
// have all of them.
var resources = corev1.ResourceRequirements{
	Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
	Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("512Mi")},
}

// newPod returns the pod that reads the restored volume, of Kubernetes' restricted
// level. broker is the pod that mounts the volume that the snapshot is of, or nil: the
// drill's pod goes to the same nodes. It is stopped at the deadline.
func newPod(pvc *corev1.PersistentVolumeClaim, own self, user v1alpha1.DrillSecurityContext, broker *corev1.Pod, left time.Duration) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pvc.Namespace,
			Name:      pvc.Name,
			Labels: map[string]string{
				v1alpha1.LabelManagedBy: v1alpha1.ManagedBy,
				v1alpha1.LabelDrill:     pvc.Labels[v1alpha1.LabelDrill],
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: corev1.SchemeGroupVersion.String(), Kind: "PersistentVolumeClaim", Name: pvc.Name, UID: pvc.UID,
			}},
		},
		Spec: corev1.PodSpec{
			RestartPolicy:                corev1.RestartPolicyNever,
			ActiveDeadlineSeconds:        ptr.To(max(1, int64(left/time.Second))),
			AutomountServiceAccountToken: ptr.To(false),
			EnableServiceLinks:           ptr.To(false),
			ImagePullSecrets:             own.pullSecrets,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: ptr.To(true), RunAsUser: user.RunAsUser, RunAsGroup: user.RunAsGroup,
				FSGroup: user.FSGroup, SupplementalGroups: user.SupplementalGroups,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{verifier(own)},
			// Read-only here, not in the claim: the node may so replay the journal of
			// the filesystem before the pod gets it.
			Volumes: []corev1.Volume{{Name: volumeName, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: pvc.Name, ReadOnly: true},
			}}},
		},
	}
	if broker != nil {
		pod.Spec.NodeSelector, pod.Spec.Tolerations = broker.Spec.NodeSelector, broker.Spec.Tolerations
	}
	return pod
}

// verifier returns the container. Its termination message is the summary, or the last
// lines of the log if it came to none.
func verifier(own self) corev1.Container {
	return corev1.Container{
		Name:                     drillContainer,
		Image:                    own.image,
		ImagePullPolicy:          own.pullPolicy,
		Args:                     []string{"verify", mountPath, "--search", "-o", "json", "--summary", messagePath},
		Resources:                resources,
		TerminationMessagePath:   messagePath,
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		VolumeMounts:             []corev1.VolumeMount{{Name: volumeName, MountPath: mountPath, ReadOnly: true}},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			ReadOnlyRootFilesystem:   ptr.To(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}
