package drill

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// bound returns a drill whose claim is bound to the volume that was made for it, an
// hour before its timeout.
func bound(t *testing.T) observed {
	t.Helper()
	_, pvc := taskFor(t)
	pvc.UID, pvc.CreationTimestamp = "1", metav1.NewTime(after(24))
	pvc.Status.Phase, pvc.Spec.VolumeName = corev1.ClaimBound, "pvc-1"
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-1", CreationTimestamp: metav1.NewTime(after(24).Add(time.Second)),
		Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": "driver"}}}
	return observed{claim: pvc, pv: pv, pod: &corev1.Pod{}, timeout: time.Hour}
}

// with returns the drill with its container in a state.
func (o observed) with(state corev1.ContainerState) observed {
	o.pod = o.pod.DeepCopy()
	o.pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: drillContainer, State: state}}
	return o
}

func ended(code int32, message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: message,
		StartedAt: metav1.NewTime(after(24).Add(time.Minute)), FinishedAt: metav1.NewTime(after(24).Add(2 * time.Minute))}}
}

func TestJudge(t *testing.T) {
	o := bound(t)
	unscheduled, unbound, lost, other, evicted, gone, none := o, o, o, o, o, o, o
	unscheduled.pod = &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available"}}}}
	unbound.pv, unbound.claim = nil, o.claim.DeepCopy()
	unbound.claim.Status.Phase = corev1.ClaimPending
	lost.claim = o.claim.DeepCopy()
	lost.claim.Status.Phase = corev1.ClaimLost
	other.pv = &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "precious"}}
	evicted.pod = &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "the node was low on memory"}}
	gone.pv = nil
	none.pod = nil
	waiting := func(reason string) observed {
		return o.with(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "because"}})
	}
	running := o.with(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	tests := map[string]struct {
		o    observed
		late bool // the timeout is over
		want v1alpha1.DrillResult
		text string
	}{
		"sound":                       {o: o.with(ended(0, `{"sound":true,"dirs":1,"partitions":3,"records":7,"bytes":9}`)), want: v1alpha1.DrillSound},
		"damaged":                     {o: o.with(ended(1, `{"sound":false,"dirs":1,"partitions":3,"records":7,"bytes":9,"problems":["a","b"],"omitted":4}`)), want: v1alpha1.DrillDamaged, text: "a; b; and 4 more"},
		"sound, and late":             {o: o.with(ended(0, `{"sound":true}`)), late: true, want: v1alpha1.DrillSound},
		"no message":                  {o: o.with(ended(0, "")), want: v1alpha1.DrillFailed, text: "exit code 0"},
		"the end of a log":            {o: o.with(ended(1, `{"dirs":[{"path":"/volume"}]}`)), want: v1alpha1.DrillFailed},
		"damaged by nothing":          {o: o.with(ended(1, `{"sound":false}`)), want: v1alpha1.DrillFailed},
		"another JSON":                {o: o.with(ended(1, `{"other":true}`)), want: v1alpha1.DrillFailed},
		"not allowed to read":         {o: o.with(ended(2, "snapback: open /volume/kafka: permission denied")), want: v1alpha1.DrillFailed, text: "set spec.drill.securityContext"},
		"killed":                      {o: o.with(ended(137, "")), want: v1alpha1.DrillFailed, text: "137"},
		"killed after it had written": {o: o.with(ended(137, `{"sound":true}`)), want: v1alpha1.DrillFailed},
		"evicted":                     {o: evicted, want: v1alpha1.DrillFailed, text: "Evicted: the node was low on memory"},
		"running":                     {o: running},
		"running too long":            {o: running, late: true, want: v1alpha1.DrillFailed, text: "give it more time"},
		"image not there":             {o: waiting("ImagePullBackOff")},
		"image never there":           {o: waiting("ImagePullBackOff"), late: true, want: v1alpha1.DrillFailed, text: "ImagePullBackOff: because"},
		"image as root":               {o: waiting("CreateContainerConfigError"), want: v1alpha1.DrillFailed, text: "because"},
		"not scheduled":               {o: unscheduled},
		"never scheduled":             {o: unscheduled, late: true, want: v1alpha1.DrillFailed, text: "0/3 nodes"},
		"not bound":                   {o: unbound},
		"never bound":                 {o: unbound, late: true, want: v1alpha1.DrillFailed, text: "is not bound"},
		"claim lost":                  {o: lost, want: v1alpha1.DrillFailed, text: "is gone"},
		"volume gone":                 {o: gone, want: v1alpha1.DrillFailed, text: "is gone"},
		"another volume":              {o: other, want: v1alpha1.DrillFailed, text: "precious"},
		"no pod":                      {o: none},
		"never a pod":                 {o: none, late: true, want: v1alpha1.DrillFailed, text: "does not exist"},
	}
	for name, test := range tests {
		now := after(24).Add(30 * time.Minute)
		if test.late {
			now = after(25)
		}
		f, ended := judge(test.o, now)
		if ended != (test.want != "") || f.result != test.want || !strings.Contains(f.message, test.text) {
			t.Errorf("%s: %v %+v, want %q with %q", name, ended, f, test.want, test.text)
		}
	}
}

func TestReport(t *testing.T) {
	o := bound(t).with(ended(0, `{"sound":true,"dirs":1,"partitions":3,"records":7,"bytes":9}`))
	f, _ := judge(o, after(25))
	r := f.report(snapshotOf(t, taken(0, 1).Obj()), after(24), o, after(25))
	for what, is := range map[string]bool{
		"the claim": r.StartedTime.Equal(&metav1.Time{Time: after(24)}),
		"bound":     r.BoundTime.Equal(&metav1.Time{Time: after(24).Add(time.Second)}),
		"mounted":   r.MountedTime.Equal(&metav1.Time{Time: after(24).Add(time.Minute)}),
		"finished":  r.FinishedTime.Equal(&metav1.Time{Time: after(24).Add(2 * time.Minute)}),
		"due":       r.DueTime.Equal(&metav1.Time{Time: after(24)}),
		"the run":   r.RunTime.Equal(&metav1.Time{Time: after(1)}),
		"found":     r.Partitions == 3 && r.Records == 7 && r.Bytes == 9,
		"which":     r.Volume == "data-0-events-broker-0" && r.Broker != "" && r.VolumeSnapshot != "",
	} {
		if !is {
			t.Errorf("%s: %+v", what, r)
		}
	}
}

// TestReportOfOddClocks reports a drill whose pod ran on a node with another time.
func TestReportOfOddClocks(t *testing.T) {
	o := bound(t).with(ended(0, `{"sound":true}`))
	s := snapshotOf(t, taken(0, 1).Obj())
	for _, off := range []time.Duration{-10 * time.Hour, -time.Minute, 0, 10 * time.Hour} {
		now := after(24).Add(time.Minute)
		end := o.pod.Status.ContainerStatuses[0].State.Terminated
		end.StartedAt, end.FinishedAt = metav1.NewTime(now.Add(off)), metav1.NewTime(now.Add(off))
		f, _ := judge(o, now)
		r := f.report(s, after(24), o, now)
		if known := snapshots.DrillReports(nil, []v1alpha1.DrillReport{r}, now); len(known) != 1 {
			t.Errorf("the node's clock is %s off: the report counts for nothing: %+v", off, r)
		}
	}
}
