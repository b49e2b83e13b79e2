package recovery

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// shortGrace is how many seconds pods get to stop when a whole cluster is restored.
// More time is of no use: what a broker writes is thrown away with its volume, and
// one that cannot reach a controller waits until its grace period is over, which is
// two minutes with Koperator.
const shortGrace = 10

// overdue is how long after its grace period a pod is expected to stop by itself.
const overdue = 10 * time.Second

// stopPod deletes a pod. If it is being deleted already with a longer grace period,
// it shortens that.
func (r *Runner) stopPod(ctx context.Context, pod *corev1.Pod) error {
	grace := ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	grace = ptr.Deref(pod.DeletionGracePeriodSeconds, grace)
	short := r.Plan.All && grace > shortGrace
	switch {
	case short:
		return r.remove(ctx, "pod", pod, client.GracePeriodSeconds(shortGrace))
	case pod.DeletionTimestamp == nil:
		return r.remove(ctx, "pod", pod)
	}
	return nil
}

// remove deletes an object. It is no error if the object is gone, or if another
// one has its name by now.
func (r *Runner) remove(ctx context.Context, kind string, o client.Object, options ...client.DeleteOption) error {
	err := r.Client.Delete(ctx, o, append(options, client.Preconditions{UID: ptr.To(o.GetUID())})...)
	switch {
	case err == nil:
		r.say("%s %s is deleted", kind, o.GetName())
	case !apierrors.IsNotFound(err) && !apierrors.IsConflict(err):
		return fmt.Errorf("delete %s %s: %w", kind, o.GetName(), err)
	}
	return nil
}

// stopPods deletes pods, and waits until they are gone.
func (r *Runner) stopPods(ctx context.Context, pods []*corev1.Pod) error {
	going := map[types.UID]bool{}
	for _, pod := range pods {
		if going[pod.UID] {
			continue
		}
		going[pod.UID] = true
		if err := r.stopPod(ctx, pod); err != nil {
			return err
		}
	}
	return r.awaitGone(ctx, going)
}

// stillThere returns a text about a pod that has not stopped. It advises to kill
// the pod only when the grace period is over.
func stillThere(pod *corev1.Pod, now time.Time) string {
	text := fmt.Sprintf("pod %s is still there", pod.Name)
	switch due := pod.DeletionTimestamp; {
	case due == nil:
		return text
	case now.Before(due.Add(overdue)):
		return fmt.Sprintf("%s, and has until %s to stop", text, due.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s, and its time to stop is over; if its node is lost: kubectl delete pod -n %s %s --force --grace-period=0", text, pod.Namespace, pod.Name)
}
