package screen

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// stepBound is the number of the step after which a pod can start.
const stepBound = 1

// Pods are the pods of a namespace, or why they are not known.
type Pods struct {
	Pods    []corev1.Pod
	Unknown string // empty: they are known
}

// Namespaces returns those of the restores whose pods tell more: their claims are there.
func (r Restores) Namespaces() (all []string) {
	for _, shown := range r.Shown {
		if shown.Claim != nil {
			all = append(all, shown.Cluster.Namespace)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Started adds to the restores the step that the pod started which uses the claim, of the
// pods of each namespace.
func (r Restores) Started(pods map[string]Pods) {
	users := map[string]map[string][]corev1.Pod{} // by namespace and claim
	for namespace, known := range pods {
		users[namespace] = usersOf(known.Pods)
	}
	for n := range r.Shown {
		o := &r.Shown[n]
		step := Phase{Name: "Pod started", Says: "not known: the claim is gone or was replaced"}
		if o.Claim != nil {
			namespace := o.Cluster.Namespace
			step = startOf(*o, users[namespace][o.PersistentVolumeClaim], pods[namespace].Unknown)
		}
		o.Phases = slices.Insert(o.Phases, stepBound+1, step)
	}
}

// usersOf returns the pods that use each claim and have not ended.
func usersOf(pods []corev1.Pod) map[string][]corev1.Pod {
	users := map[string][]corev1.Pod{}
	for _, pod := range pods {
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		for _, v := range pod.Spec.Volumes {
			if v.PersistentVolumeClaim != nil {
				users[v.PersistentVolumeClaim.ClaimName] = append(users[v.PersistentVolumeClaim.ClaimName], pod)
			}
		}
	}
	return users
}

// startOf returns when the pod started that uses the claim of a restore. A pod that has
// started after the broker was in sync is not the one which was restored.
func startOf(of Restore, users []corev1.Pod, unknown string) Phase {
	step := Phase{Name: "Pod started"}
	if unknown != "" {
		step.Says = "not known: " + unknown
		return step
	}
	if len(users) == 0 {
		step.Says = "no pod uses the claim"
		return step
	}
	pod := slices.MinFunc(users, func(a, b corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	at := runningSince(pod)
	switch sync := inSync(of); {
	case at.IsZero():
		step.Says = "not yet: pod " + pod.Name + " does not run"
	case at.Before(of.RequestedTime.Time):
		step.Says = "not known: pod " + pod.Name + " ran before the claim was created, since " + utc(at)
	case fails(pod):
		step.Says = "pod " + pod.Name + " started at " + utc(at) + ", but a container of it fails and does not run now"
	case sync.IsZero() && !of.UnderWay():
		step.Says = "pod " + pod.Name + " runs since " + utc(at) + "; whether another one did before is not known"
	case !sync.IsZero() && at.After(sync):
		step.Says = "not known: pod " + pod.Name + " has started again since, at " + utc(at)
	default:
		step.Time, step.Took = at, duration.HumanDuration(at.Sub(of.RequestedTime.Time))
	}
	return step
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// fails reports whether a container of a pod has ended, and is not running again.
func fails(pod corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.State.Running == nil && c.RestartCount > 0 })
}

// runningSince returns when the first container of a pod has started; if one was
// restarted, when the node took the pod. Zero: it does not run yet.
func runningSince(pod corev1.Pod) time.Time {
	var first metav1.Time
	for _, c := range pod.Status.ContainerStatuses {
		if c.RestartCount > 0 && pod.Status.StartTime != nil {
			return pod.Status.StartTime.Time
		}
		if c.State.Running != nil && (first.IsZero() || c.State.Running.StartedAt.Before(&first)) {
			first = c.State.Running.StartedAt
		}
	}
	return first.Time
}

// inSync returns when Kafka had taken the restored broker back; zero: it has not, or that
// is not known.
func inSync(of Restore) time.Time {
	if of.Kafka == nil || of.Kafka.InSyncTime == nil {
		return time.Time{}
	}
	return of.Kafka.InSyncTime.Time
}
