package screen

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// podOf is a pod that uses a claim, whose node took it some minutes after noon.
func podOf(name, claim string, minutes int, change func(*corev1.Pod)) corev1.Pod {
	at := metav1.Time{Time: ago(0).Add(time.Duration(minutes) * time.Minute)}
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: at}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "tmp"}, {Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
	pod.Status.Phase, pod.Status.StartTime = corev1.PodRunning, &at
	if change != nil {
		change(&pod)
	}
	return pod
}

// runs lets the containers of a pod run since some minutes after noon.
func runs(restarts int32, minutes ...int) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		for _, m := range minutes {
			since := metav1.Time{Time: ago(0).Add(time.Duration(m) * time.Minute)}
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{RestartCount: restarts,
				State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: since}}})
		}
	}
}

func TestStarted(t *testing.T) {
	t.Parallel()
	ended := func(phase corev1.PodPhase) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { runs(0, 2)(pod); pod.Status.Phase = phase }
	}
	crashes := func(pod *corev1.Pod) {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 5, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}
	}
	for name, test := range map[string]struct {
		pods    []corev1.Pod
		unknown string
		sync    int // in Kafka, so many minutes after noon; 0: not yet
		gone    bool
		over    bool // the claim is bound, and Kafka is not asked
		want    string
	}{
		"runs":                      {pods: []corev1.Pod{podOf("p", "c", 2, runs(0, 4, 3))}, want: "12:03 3m"},
		"runs, and is in sync":      {pods: []corev1.Pod{podOf("p", "c", 2, runs(0, 3))}, sync: 9, want: "12:03 3m"},
		"a container was restarted": {pods: []corev1.Pod{podOf("p", "c", 2, runs(3, 8))}, want: "12:02 2m"},
		"does not run yet":          {pods: []corev1.Pod{podOf("p", "c", 2, nil)}, want: "not yet: pod p does not run"},
		"started again since":       {pods: []corev1.Pod{podOf("p", "c", 20, runs(0, 21))}, sync: 9, want: "not known: pod p has started again since, at 2026-03-01 12:21:00 UTC"},
		"of another claim":          {pods: []corev1.Pod{podOf("p", "d", 2, runs(0, 3))}, want: "no pod uses the claim"},
		"has ended":                 {pods: []corev1.Pod{podOf("p", "c", 2, ended(corev1.PodSucceeded)), podOf("q", "c", 2, ended(corev1.PodFailed))}, want: "no pod uses the claim"},
		"ran before the claim":      {pods: []corev1.Pod{podOf("p", "c", -60, runs(0, -59))}, want: "not known: pod p ran before the claim was created, since 2026-03-01 11:01:00 UTC"},
		"fails again and again":     {pods: []corev1.Pod{podOf("p", "c", 2, crashes)}, want: "pod p started at 2026-03-01 12:02:00 UTC, but a container of it fails and does not run now"},
		"Kafka is not asked":        {pods: []corev1.Pod{podOf("p", "c", 20, runs(0, 21))}, over: true, want: "pod p runs since 2026-03-01 12:21:00 UTC; whether another one did before is not known"},
		"two pods":                  {pods: []corev1.Pod{podOf("q", "c", 5, runs(0, 6)), podOf("p", "c", 2, runs(0, 3))}, want: "12:03 3m"},
		"no right":                  {unknown: "you may not", want: "not known: you may not"},
		"the claim is gone":         {gone: true, pods: []corev1.Pod{podOf("p", "c", 2, runs(0, 3))}, want: "not known: the claim is gone or was replaced"},
	} {
		past := inventory.Past{Cluster: key, Claim: &corev1.PersistentVolumeClaim{}}
		if test.over {
			past.Claim.Spec.VolumeName = "pv"
			past.Claim.Status.Phase = corev1.ClaimBound
		}
		past.PersistentVolumeClaim, past.RequestedTime, past.Waiting = "c", metav1.Time{Time: ago(0)}, "the claim is not bound yet"
		if test.gone {
			past.Claim = nil
		}
		if test.sync > 0 {
			past.Kafka = &v1alpha1.RestoreReport{InSyncTime: &metav1.Time{Time: ago(0).Add(time.Duration(test.sync) * time.Minute)}}
		}
		r := Restores{Shown: []Restore{newRestore(past)}}
		if got := r.Namespaces(); len(got) > 1 || (len(got) == 0) != test.gone {
			t.Errorf("%s: pods of %q", name, got)
		}
		before := len(r.Shown[0].Phases)
		r.Started(map[string]Pods{key.Namespace: {Pods: test.pods, Unknown: test.unknown}})
		phases := r.Shown[0].Phases
		n := slices.IndexFunc(phases, func(p Phase) bool { return p.Name == "Pod started" })
		if n != stepBound+1 || len(phases) != before+1 {
			t.Fatalf("%s: the steps are %+v", name, phases)
		}
		got := phases[n].Says
		if got == "" {
			got = phases[n].Time.Format("15:04 ") + phases[n].Took
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
