package drill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka/logdir"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// observed is what there is of a drill at one moment.
type observed struct {
	claim   *corev1.PersistentVolumeClaim
	pv      *corev1.PersistentVolume // nil: the claim is not bound
	pod     *corev1.Pod              // nil: there is none
	timeout time.Duration
}

func (o observed) deadline() time.Time { return o.claim.CreationTimestamp.Add(o.timeout) }

// finding is how a drill has ended. Its other fields are those of the report.
type finding struct {
	result   v1alpha1.DrillResult
	message  string
	summary  logdir.Summary
	finished time.Time
}

func failed(at time.Time, format string, a ...any) finding {
	return finding{result: v1alpha1.DrillFailed, message: fmt.Sprintf(format, a...), finished: at}
}

// judge returns how the drill has ended, and reports false if it has not.
func judge(o observed, now time.Time) (finding, bool) {
	switch {
	case o.claim.Status.Phase == corev1.ClaimLost || o.claim.Status.Phase == corev1.ClaimBound && o.pv == nil:
		return failed(now, "PersistentVolume %s of claim %s is gone", o.claim.Spec.VolumeName, o.claim.Name), true
	case o.pv != nil && !claims.MadeFor(o.pv, o.claim):
		return failed(now, "claim %s was bound to PersistentVolume %s, which was not made from the snapshot: it is kept, with the reclaim policy Retain",
			o.claim.Name, o.pv.Name), true
	}
	if o.pod != nil {
		if f, ended := judgePod(o.pod, now); ended {
			return f, true
		}
	}
	if !now.Before(o.deadline()) {
		return failed(now, "not ended within spec.drill.timeout (%s): %s", o.timeout, waitsFor(o)), true
	}
	return finding{}, false
}

// judgePod returns how a pod has ended, and reports false if it has not, and still
// may.
func judgePod(pod *corev1.Pod, now time.Time) (finding, bool) {
	status := verifierIn(pod)
	if end := status.State.Terminated; end != nil {
		return judgeEnd(pod, end), true
	}
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded { // such as evicted before it began
		return failed(now, "the pod ended: %s", because(pod.Status.Reason, pod.Status.Message)), true
	}
	if waiting := status.State.Waiting; waiting != nil {
		switch waiting.Reason { // the kubelet tries these again for ever, with the same result
		case "CreateContainerConfigError", "InvalidImageName", "ErrImageNeverPull":
			return failed(now, "the pod cannot start: %s", because(waiting.Reason, waiting.Message)), true
		}
	}
	return finding{}, false
}

// judgeEnd returns the result of a container that has ended.
func judgeEnd(pod *corev1.Pod, end *corev1.ContainerStateTerminated) finding {
	at := end.FinishedAt.Time
	decoder := json.NewDecoder(bytes.NewBufferString(end.Message))
	decoder.DisallowUnknownFields() // the last lines of a log may be JSON too
	var s logdir.Summary
	err := decoder.Decode(&s)
	switch {
	case end.ExitCode != 0 && end.ExitCode != 1 || err != nil || !s.Sound && len(s.Problems) == 0:
		what := fmt.Sprintf("the pod ended with exit code %d: %s", end.ExitCode, because(pod.Status.Reason, end.Reason, strings.TrimSpace(end.Message)))
		if strings.Contains(strings.ToLower(end.Message), "permission denied") {
			what = "the pod may not read the log dirs: set spec.drill.securityContext to the user that owns them: " + what
		}
		return failed(at, "%s", what)
	case s.Sound:
		return finding{result: v1alpha1.DrillSound, summary: s, finished: at}
	}
	message := strings.Join(s.Problems, "; ")
	if s.Omitted > 0 {
		message += fmt.Sprintf("; and %d more", s.Omitted)
	}
	return finding{result: v1alpha1.DrillDamaged, message: message, summary: s, finished: at}
}

// waitsFor returns what a drill waits for.
func waitsFor(o observed) string {
	if o.pod == nil {
		return "the pod does not exist"
	}
	for _, c := range o.pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "the pod is not scheduled: " + because(c.Reason, c.Message)
		}
	}
	if o.pv == nil {
		return fmt.Sprintf("claim %s is not bound: its Events say why (kubectl describe)", o.claim.Name)
	}
	state := verifierIn(o.pod).State
	switch {
	case state.Running != nil:
		return "the pod still reads the volume: give it more time"
	case state.Waiting != nil:
		return "the pod has not started: " + because(state.Waiting.Reason, state.Waiting.Message)
	}
	return "the pod has not started: its Events say why (kubectl describe)"
}

// because joins the texts that are not empty.
func because(texts ...string) string {
	var some []string
	for _, text := range texts {
		if text != "" {
			some = append(some, text)
		}
	}
	if len(some) == 0 {
		return "no reason is given"
	}
	return strings.Join(some, ": ")
}

// verifierIn returns the status of the container; an empty one: it has none yet.
func verifierIn(pod *corev1.Pod) corev1.ContainerStatus {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == drillContainer {
			return status
		}
	}
	return corev1.ContainerStatus{}
}

// report returns the report of a drill that has ended. The times are of three clocks:
// those of the apiserver, of a node, and of this process. A report whose times cannot
// be true would count for nothing, and the drill would be made again.
func (f finding) report(s snapshots.Snapshot, due time.Time, o observed, now time.Time) v1alpha1.DrillReport {
	r := f.unbegun(s, due)
	if r.StartedTime = o.claim.CreationTimestamp; r.StartedTime.After(now) {
		r.StartedTime = metav1.NewTime(now)
	}
	if r.FinishedTime.After(now) {
		r.FinishedTime = metav1.NewTime(now)
	}
	if r.FinishedTime.Before(&r.StartedTime) {
		r.FinishedTime = r.StartedTime
	}
	if o.pv != nil && claims.MadeFor(o.pv, o.claim) { // made and bound at once
		r.BoundTime = &o.pv.CreationTimestamp
	}
	if o.pod == nil {
		return r
	}
	switch state := verifierIn(o.pod).State; {
	case state.Running != nil:
		r.MountedTime = &state.Running.StartedAt
	case state.Terminated != nil && !state.Terminated.StartedAt.IsZero():
		r.MountedTime = &state.Terminated.StartedAt
	}
	return r
}

// unbegun returns the report of a drill without a claim.
func (f finding) unbegun(s snapshots.Snapshot, due time.Time) v1alpha1.DrillReport {
	finished := metav1.NewTime(f.finished)
	return v1alpha1.DrillReport{
		Result: f.result, Message: f.message,
		Volume: s.Annotations[v1alpha1.AnnotationSlot], Broker: s.Node, VolumeSnapshot: s.Name,
		RunTime: metav1.NewTime(s.Scheduled.UTC()), DueTime: metav1.NewTime(due.UTC()), StartedTime: finished, FinishedTime: finished,
		Partitions: int32(min(f.summary.Partitions, 1<<31-1)), Records: f.summary.Records, Bytes: f.summary.Bytes,
	}
}
