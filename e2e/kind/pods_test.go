package kind

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

func snapbackDeployment() *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: "snapback"}}
}

func (w *world) snapbackPods(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := w.List(ctx, &list, client.InNamespace(cluster.Namespace), client.MatchingLabels{"app.kubernetes.io/name": "snapback"})
	if err != nil {
		return nil, fmt.Errorf("list Snapback's pods: %w", err)
	}
	return list.Items, nil
}

// scaleSnapback runs so many replicas, and waits for them, or until all are
// gone.
func (w *world) scaleSnapback(ctx context.Context, replicas int) error {
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
	if err := w.Patch(ctx, snapbackDeployment(), patch); err != nil {
		return fmt.Errorf("scale Snapback to %d: %w", replicas, err)
	}
	return w.settled(ctx, replicas)
}

// settled waits until Snapback has so many replicas, all of them new and ready,
// and no others.
func (w *world) settled(ctx context.Context, replicas int) error {
	return eventually(ctx, func(ctx context.Context) error {
		pods, err := w.snapbackPods(ctx)
		if err == nil && len(pods) != replicas {
			err = fmt.Errorf("snapback has %d pods, %d are expected", len(pods), replicas)
		}
		for _, p := range pods {
			// The Deployment's status may still count a killed pod.
			if !slices.ContainsFunc(p.Status.Conditions, isReady) {
				err = errors.Join(err, fmt.Errorf("pod %s is not ready", p.Name))
			}
		}
		return errors.Join(err, w.rolledOut(ctx, cluster.Namespace, "snapback"), w.runs(ctx, replicas))
	})
}

// runs is an error unless the webhook runs so many times on the node. A pod
// that was deleted by force is gone before its processes are: these answer for
// a while that they have no rights any more.
func (w *world) runs(ctx context.Context, replicas int) error {
	lines, err := command(ctx, "docker", "exec", clusterName+"-control-plane", "sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null || true")
	if n := strings.Count(lines, "/snapback\x00webhook\x00"); err == nil && n != replicas {
		err = fmt.Errorf("the webhook runs %d times, %d are expected", n, replicas)
	}
	return err
}

func isReady(c corev1.PodCondition) bool {
	return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
}
