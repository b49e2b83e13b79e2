package world

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
)

// playEvery is how often a cluster's pods, and its namespace, are looked at.
const playEvery = time.Second

// play stands in for what else a cluster has: who deploys it makes it again when its
// namespace was deleted, the operator makes the pods of nodes, and the kubelet has
// them ready once their claims are bound.
func (w *World) play(ctx context.Context, c plan.Cluster) {
	tick := time.NewTicker(playEvery)
	defer tick.Stop()
	made := true // all of it, since its namespace was last seen to be absent
	for ctx.Err() == nil {
		var namespace corev1.Namespace
		err := w.operators.Get(ctx, client.ObjectKey{Name: c.Namespace}, &namespace)
		switch {
		case client.IgnoreNotFound(err) != nil: // a fault
		case err != nil || !made:
			made = w.makeCluster(ctx, c) == nil
		case namespace.DeletionTimestamp == nil:
			_ = w.pods(ctx, c) // the next look goes on
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// pods makes the pods of the nodes whose claims are there, takes those away whose claims
// have gone, and has them ready.
func (w *World) pods(ctx context.Context, c plan.Cluster) error {
	var claims corev1.PersistentVolumeClaimList
	var pods corev1.PodList
	if err := errors.Join(w.operators.List(ctx, &claims, client.InNamespace(c.Namespace)), w.operators.List(ctx, &pods, client.InNamespace(c.Namespace))); err != nil {
		return fmt.Errorf("look at the pods of %s: %w", c.Namespace, err)
	}
	bound := map[string]bool{} // by name of the claim
	of := map[string][]string{}
	for i := range claims.Items {
		claim := &claims.Items[i]
		if v, ok := w.VolumeOf(claim); ok && claim.DeletionTimestamp == nil {
			bound[claim.Name] = claim.Status.Phase == corev1.ClaimBound
			of[podName(c, v.Node)] = append(of[podName(c, v.Node)], claim.Name)
		}
	}
	var errs []error
	for i := range pods.Items {
		pod := &pods.Items[i]
		errs = append(errs, w.tend(ctx, c, pod, of[pod.Name], bound))
		delete(of, pod.Name)
	}
	for _, node := range c.Nodes() {
		if names := of[podName(c, node)]; c.Shape != plan.StatefulSet && len(names) == len(c.Node(node)) {
			errs = append(errs, w.operators.Create(ctx, podWith(c.Namespace, podName(c, node), names)))
		}
	}
	return errors.Join(errs...)
}

// tend says that a pod is ready whose claims are bound, and deletes one whose claims are
// others now.
func (w *World) tend(ctx context.Context, c plan.Cluster, pod *corev1.Pod, claims []string, bound map[string]bool) error {
	all := len(claims) > 0
	for _, name := range claimsOf(pod) {
		if !slices.Contains(claims, name) && c.Shape != plan.StatefulSet {
			return w.operators.Delete(ctx, pod, client.GracePeriodSeconds(0))
		}
		all = all && bound[name]
	}
	if !all || len(pod.Status.Conditions) > 0 && pod.Status.Conditions[0].Type == corev1.PodReady {
		return nil
	}
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	return w.operators.Status().Update(ctx, pod)
}

func podName(c plan.Cluster, node int) string { return fmt.Sprintf("%s-%d", c.Name, node) }

func claimsOf(pod *corev1.Pod) (names []string) {
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		}
	}
	return names
}

func podWith(namespace, name string, claims []string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "kafka", Image: "kafka"}}}}
	for _, claim := range claims {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}})
	}
	return pod
}
