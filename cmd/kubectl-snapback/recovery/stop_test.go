package recovery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestStillThere has a pod that is waited for: nobody is told to kill it while
// its grace period runs.
func TestStillThere(t *testing.T) {
	const kill = "kubectl delete pod -n kafka kafka-0 --force --grace-period=0"
	due := metav1.NewTime(noon)
	for name, test := range map[string]struct {
		due  *metav1.Time
		now  time.Time
		want string
		kill bool
	}{
		"not deleted":      {nil, noon, "pod kafka-0 is still there", false},
		"in its time":      {&due, noon.Add(-2 * time.Minute), "pod kafka-0 is still there, and has until 2026-02-21T12:00:00Z to stop", false},
		"about to go":      {&due, noon.Add(9 * time.Second), "pod kafka-0 is still there, and has until 2026-02-21T12:00:00Z to stop", false},
		"its time is over": {&due, noon.Add(10 * time.Second), "pod kafka-0 is still there, and its time to stop is over; if its node is lost: " + kill, true},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "kafka-0", DeletionTimestamp: test.due}}
		if got := stillThere(pod, test.now); got != test.want || strings.Contains(got, kill) != test.kill {
			t.Errorf("%s: %s\nwant: %s", name, got, test.want)
		}
	}
}

// kubelet lets each pod go a while after it is deleted, and notes what happens.
type kubelet struct {
	mu  sync.Mutex
	log []string
}

func (k *kubelet) note(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.log = append(k.log, fmt.Sprintf(format, args...))
}

// delete is the apiserver's, which the fake one is not in all: it tells how
// long a pod has. -1 is a pod's own time.
func (k *kubelet) delete(ctx context.Context, c client.WithWatch, o client.Object, options ...client.DeleteOption) error {
	pod, ok := o.DeepCopyObject().(*corev1.Pod)
	if !ok {
		k.note("claim %s", o.GetName())
		return c.Delete(ctx, o, options...)
	}
	asked := client.DeleteOptions{}
	asked.ApplyOptions(options)
	k.note("pod %s %d", pod.Name, ptr.Deref(asked.GracePeriodSeconds, -1))
	if err := c.Delete(ctx, o, options...); err != nil {
		return err
	}
	takes := 3*time.Second + time.Duration(len(k.log))*time.Millisecond // one after the other
	time.AfterFunc(takes, func() {
		if c.Get(ctx, client.ObjectKeyFromObject(pod), pod) == nil {
			pod.Finalizers = nil
			k.note("%s is gone, %v", pod.Name, c.Update(ctx, pod))
		}
	})
	if err := c.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
		return err
	}
	pod.DeletionGracePeriodSeconds = asked.GracePeriodSeconds
	return c.Update(ctx, pod)
}

func podOf(claim *corev1.PersistentVolumeClaim, grace int64) *corev1.Pod {
	name := strings.TrimPrefix(claim.Name, "data-")
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: claim.Namespace, Name: name, UID: types.UID(name), Labels: map[string]string{"app": "kafka"}, Finalizers: []string{"snapback.dev/test"}},
		Spec: corev1.PodSpec{TerminationGracePeriodSeconds: &grace, Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}}}},
	}
}

// TestDeleteOrder deletes what a plan replaces: all claims, then the brokers,
// and when these are gone the quorum. Nobody waits for a broker that cannot
// stop any more.
func TestDeleteOrder(t *testing.T) {
	controller := snapshotstest.StrimziClaim("kafka", "controller", 9, 0).Label("strimzi.io/component-type", "zookeeper").Named("data-kafka-zookeeper-0")
	brokers := []*snapshotstest.Claim{snapshotstest.StrimziClaim("kafka", "broker", 0, 0).Named("data-kafka-broker-0"), snapshotstest.StrimziClaim("kafka", "broker", 1, 0).Named("data-kafka-broker-1")}
	for name, test := range map[string]struct {
		request Request
		want    []string
	}{
		"all": {Request{All: true, Before: later, RestoreQuorum: true}, []string{"claim data-kafka-broker-0", "claim data-kafka-broker-1", "claim data-kafka-zookeeper-0",
			"pod kafka-broker-0 10", "pod kafka-broker-1 -1", "kafka-broker-0 is gone, <nil>", "kafka-broker-1 is gone, <nil>", "pod kafka-zookeeper-0 10", "kafka-zookeeper-0 is gone, <nil>"}},
		"one broker": {Request{Brokers: []string{"kafka-broker-0"}}, []string{"claim data-kafka-broker-0", "pod kafka-broker-0 -1", "kafka-broker-0 is gone, <nil>"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &kubelet{}
				var objects []client.Object
				for n, claim := range append(slices.Clone(brokers), controller) {
					pvc := boundClaim(claim)
					objects = append(objects, pvc, podOf(pvc, []int64{120, 10, 30}[n]), snapshotOf(claim).Obj())
				}
				c := cluster(objects...).WithInterceptorFuncs(interceptor.Funcs{Delete: k.delete}).Build()
				r := &Runner{Client: c, Plan: plan(t, c, test.request), Timeout: time.Minute, Out: t.Output()}
				if err := r.delete(t.Context(), r.Plan.all()); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(k.log, test.want) {
					t.Errorf("deleted %q\nwant %q", k.log, test.want)
				}
			})
		})
	}
}

// TestStopStatefulSet scales one to 0: its pods get a short time, but not
// before its controller knows that it makes none of them again.
func TestStopStatefulSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kubelet{}
		labels := map[string]string{"app": "kafka"}
		set := &appsv1.StatefulSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: snapshotstest.Namespace, Name: "kafka", Generation: 2},
			Spec:       appsv1.StatefulSetSpec{Replicas: ptr.To(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels}},
			Status:     appsv1.StatefulSetStatus{ObservedGeneration: 1},
		}
		pod := podOf(boundClaim(snapshotstest.StatefulSetClaim("kafka", 0)), 120)
		c := cluster(set, pod).WithInterceptorFuncs(interceptor.Funcs{Delete: k.delete}).Build()
		time.AfterFunc(5*time.Second, func() {
			k.note("observed")
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(set), set); err != nil {
				t.Error(err)
			}
			set.Status.ObservedGeneration = set.Generation
			if err := c.Status().Update(t.Context(), set); err != nil {
				t.Error(err)
			}
		})
		r := &Runner{Client: c, Plan: &Plan{All: true}, Timeout: time.Minute, Out: t.Output()}
		if err := ofStatefulSet(set.DeepCopy()).stop(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if want := []string{"observed", "pod kafka-0 10", "kafka-0 is gone, <nil>"}; !slices.Equal(k.log, want) {
			t.Errorf("it went %q, want %q", k.log, want)
		}
	})
}
