package drill

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// broker returns a pod that mounts the claim data in its second container.
func broker(pod *corev1.PodSecurityContext, container *corev1.SecurityContext) *corev1.Pod {
	return &corev1.Pod{Spec: corev1.PodSpec{
		NodeSelector: map[string]string{"disk": "fast"}, Tolerations: []corev1.Toleration{{Key: "kafka"}},
		SecurityContext: pod,
		Containers: []corev1.Container{
			{Name: "proxy", SecurityContext: &corev1.SecurityContext{RunAsUser: ptr.To(int64(7))}},
			{Name: "kafka", SecurityContext: container, VolumeMounts: []corev1.VolumeMount{{Name: "disk"}}},
		},
		Volumes: []corev1.Volume{{Name: "disk", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}},
	}}
}

func TestUser(t *testing.T) {
	id := func(n int64) *int64 { return &n }
	own := v1alpha1.DrillSecurityContext{RunAsUser: id(65532), FSGroup: id(65532)}
	none := (*corev1.SecurityContext)(nil)
	tests := map[string]struct {
		spec   *v1alpha1.DrillSecurityContext
		broker *corev1.Pod
		want   v1alpha1.DrillSecurityContext
	}{
		"the spec says it": {&v1alpha1.DrillSecurityContext{RunAsUser: id(5)}, broker(&corev1.PodSecurityContext{RunAsUser: id(6)}, none), v1alpha1.DrillSecurityContext{RunAsUser: id(5)}},
		"no pod":           {nil, nil, own},
		"the pod says it": {nil, broker(&corev1.PodSecurityContext{RunAsUser: id(6), FSGroup: id(8), SupplementalGroups: []int64{9}}, none),
			v1alpha1.DrillSecurityContext{RunAsUser: id(6), FSGroup: id(8), SupplementalGroups: []int64{9}}},
		"the container says it": {nil, broker(&corev1.PodSecurityContext{RunAsUser: id(6), RunAsGroup: id(3)}, &corev1.SecurityContext{RunAsUser: id(4)}),
			v1alpha1.DrillSecurityContext{RunAsUser: id(4), RunAsGroup: id(3)}},
		"root":           {nil, broker(&corev1.PodSecurityContext{RunAsUser: id(0), FSGroup: id(8)}, none), v1alpha1.DrillSecurityContext{RunAsUser: id(65532), FSGroup: id(8)}},
		"nobody says it": {nil, broker(nil, none), v1alpha1.DrillSecurityContext{RunAsUser: id(65532)}},
	}
	for name, test := range tests {
		if got := userFor(test.spec, test.broker, []string{"data"}, own); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestBrokerPod(t *testing.T) {
	ended := broker(nil, nil)
	ended.Status.Phase = corev1.PodFailed
	pods := []corev1.Pod{{}, *ended, *broker(nil, nil)}
	if got := brokerPod(pods, []string{"data"}); got != &pods[2] {
		t.Errorf("the third pod expected: %+v", got)
	}
	if got := brokerPod(pods, []string{"other"}); got != nil {
		t.Errorf("none mounts that claim: %+v", got)
	}
}

func TestPod(t *testing.T) {
	_, pvc := taskFor(t)
	pvc.UID = "uid-of-claim"
	own, err := selfOf(&corev1.Pod{Spec: corev1.PodSpec{
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "registry"}},
		Containers:       []corev1.Container{{Name: "mesh", Image: "mesh"}, {Name: "drills", Image: "snapback:1", ImagePullPolicy: corev1.PullAlways}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	pod := newPod(pvc, own, v1alpha1.DrillSecurityContext{RunAsUser: ptr.To(int64(1001))}, broker(nil, nil), 90*time.Second)
	spec, c := pod.Spec, pod.Spec.Containers[0]
	if c.Image != "snapback:1" || c.ImagePullPolicy != corev1.PullAlways || spec.ImagePullSecrets[0].Name != "registry" {
		t.Errorf("not the own image: %+v", spec)
	}
	if pod.Name != pvc.Name || !isOurs(pod) || len(pod.Labels) != 2 || !ownedBy(pod, "uid-of-claim") || *spec.ActiveDeadlineSeconds != 90 {
		t.Errorf("pod: %+v", pod)
	}
	if !spec.Volumes[0].PersistentVolumeClaim.ReadOnly || !c.VolumeMounts[0].ReadOnly || *spec.AutomountServiceAccountToken {
		t.Errorf("the volume must be read-only, without a token: %+v", spec)
	}
	if spec.NodeSelector["disk"] != "fast" || spec.Tolerations[0].Key != "kafka" || *spec.SecurityContext.RunAsUser != 1001 {
		t.Errorf("not where and as the broker is: %+v", spec)
	}
	if late := newPod(pvc, own, v1alpha1.DrillSecurityContext{}, nil, -time.Second); *late.Spec.ActiveDeadlineSeconds != 1 {
		t.Errorf("the apiserver refuses %d seconds", *late.Spec.ActiveDeadlineSeconds)
	}
	if _, err := selfOf(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x"}}); err == nil {
		t.Error("a pod without containers is none")
	}
}
