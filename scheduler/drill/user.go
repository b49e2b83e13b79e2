package drill

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// userFor returns the user and groups of a drill's pod: those that the spec names,
// else those of the pod that mounts the volume, else Snapback's own. A part that is
// nil is the image's. The user is never root.
func userFor(spec *v1alpha1.DrillSecurityContext, broker *corev1.Pod, claims []string, own v1alpha1.DrillSecurityContext) v1alpha1.DrillSecurityContext {
	switch {
	case spec != nil:
		return *spec
	case broker == nil:
		return own
	}
	user := userOf(broker, func(c *corev1.Container) bool { return mounts(broker, c, claims) })
	if user.RunAsUser == nil {
		user.RunAsUser = own.RunAsUser
	}
	return user
}

// userOf returns what a pod says about the user and groups of the first container that
// is meant. What a container says goes before what its pod says.
func userOf(pod *corev1.Pod, meant func(*corev1.Container) bool) v1alpha1.DrillSecurityContext {
	var user v1alpha1.DrillSecurityContext
	i := slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool { return meant(&c) })
	if i >= 0 {
		if c := pod.Spec.Containers[i].SecurityContext; c != nil {
			user.RunAsUser, user.RunAsGroup = c.RunAsUser, c.RunAsGroup
		}
	}
	if p := pod.Spec.SecurityContext; p != nil {
		user.RunAsUser, user.RunAsGroup = cmp.Or(user.RunAsUser, p.RunAsUser), cmp.Or(user.RunAsGroup, p.RunAsGroup)
		user.FSGroup, user.SupplementalGroups = p.FSGroup, p.SupplementalGroups
	}
	if user.RunAsUser != nil && *user.RunAsUser == 0 {
		user.RunAsUser = nil
	}
	return user
}

// brokerPod returns the pod that mounts one of the claims; nil: none does.
func brokerPod(pods []corev1.Pod, claims []string) *corev1.Pod {
	i := slices.IndexFunc(pods, func(p corev1.Pod) bool {
		return len(volumesOf(&p, claims)) > 0 && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed
	})
	if i < 0 {
		return nil
	}
	return &pods[i]
}

// volumesOf returns the names of the pod's volumes that are one of the claims.
func volumesOf(pod *corev1.Pod, claims []string) []string {
	var names []string
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil && slices.Contains(claims, v.PersistentVolumeClaim.ClaimName) {
			names = append(names, v.Name)
		}
	}
	return names
}

func mounts(pod *corev1.Pod, c *corev1.Container, claims []string) bool {
	names := volumesOf(pod, claims)
	return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return slices.Contains(names, m.Name) })
}
