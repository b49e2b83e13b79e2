package recovery

import (
	"context"
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// scalable is a StatefulSet or Deployment.
type scalable struct {
	object   client.Object
	kind     string
	replicas *int32
	selector *metav1.LabelSelector
}

func ofStatefulSet(s *appsv1.StatefulSet) scalable {
	return scalable{s, "StatefulSet", s.Spec.Replicas, s.Spec.Selector}
}

func ofDeployment(d *appsv1.Deployment) scalable {
	return scalable{d, "Deployment", d.Spec.Replicas, d.Spec.Selector}
}

func (s scalable) String() string { return s.kind + " " + s.object.GetName() }

// stopped returns the number of replicas before this program stopped it; false if
// it did not.
func (s scalable) stopped() (before int, ok bool) {
	n, err := strconv.Atoi(s.object.GetAnnotations()[v1alpha1.AnnotationRestoreReplicas])
	return n, err == nil && n > 0
}

// problems returns why it cannot be stopped, or that it is stopped already.
func (s scalable) problems(all bool) []string {
	_, ours := s.stopped()
	switch {
	case ours && !all:
		return []string{fmt.Sprintf("%s was scaled to 0 by a restore of the whole cluster that was interrupted: finish that first", s)}
	case !ours && ptr.Deref(s.replicas, 1) == 0:
		return []string{fmt.Sprintf("%s has 0 replicas, so nothing would be made again: scale it to what it should have, this command stops it by itself", s)}
	}
	return nil
}

// stop scales it to 0, notes the former number in the same write, and waits until
// its pods are gone. Those of a StatefulSet are brokers: they get a short grace
// period.
func (s scalable) stop(ctx context.Context, r *Runner) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		fresh, err := s.read(ctx, r.Client)
		if err != nil {
			return err
		}
		if _, ours := fresh.stopped(); ours {
			return nil
		}
		before := ptr.Deref(fresh.replicas, 1)
		change := mergepatch.Annotations(map[string]any{v1alpha1.AnnotationRestoreReplicas: strconv.Itoa(int(before))})
		change["spec"] = map[string]any{"replicas": 0}
		if err := patch(ctx, r.Client, fresh.object, change); err != nil {
			return err
		}
		r.say("%s is scaled from %d to 0", s, before)
		return nil
	})
	if err != nil {
		return fmt.Errorf("scale %s to 0: %w", s, err)
	}
	selector, err := metav1.LabelSelectorAsSelector(s.selector)
	if err != nil {
		return fmt.Errorf("the selector of %s: %w", s, err)
	}
	return r.podsGone(ctx, s.String(), func(ctx context.Context) ([]corev1.Pod, error) {
		var pods corev1.PodList
		if err := r.Client.List(ctx, &pods, client.InNamespace(s.object.GetNamespace()), client.MatchingLabelsSelector{Selector: selector}); err != nil {
			return nil, fmt.Errorf("list the pods of %s: %w", s, err)
		}
		return pods.Items, s.hurry(ctx, r, pods.Items)
	})
}

// hurry stops the pods of a StatefulSet all at once, after its controller has seen
// that it is scaled to 0. The controller itself would stop one after the other,
// each with its whole grace period.
func (s scalable) hurry(ctx context.Context, r *Runner, pods []corev1.Pod) error {
	if s.kind != "StatefulSet" || len(pods) == 0 {
		return nil
	}
	fresh, err := s.read(ctx, r.Client)
	if err != nil {
		return fmt.Errorf("read %s: %w", s, err)
	}
	if set, ok := fresh.object.(*appsv1.StatefulSet); !ok || set.Status.ObservedGeneration < set.Generation {
		return nil
	}
	for n := range pods {
		if err := r.stopPod(ctx, &pods[n]); err != nil {
			return err
		}
	}
	return nil
}

// start scales it back to its former number of replicas.
func (s scalable) start(ctx context.Context, r *Runner) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		fresh, err := s.read(ctx, r.Client)
		if err != nil {
			return err
		}
		before, ours := fresh.stopped()
		if !ours {
			return nil
		}
		change := mergepatch.Annotations(map[string]any{v1alpha1.AnnotationRestoreReplicas: nil})
		change["spec"] = map[string]any{"replicas": before}
		if err := patch(ctx, r.Client, fresh.object, change); err != nil {
			return err
		}
		r.say("%s is scaled back to %d", s, before)
		return nil
	})
	if err != nil {
		return fmt.Errorf("scale %s back, which has the former number in its annotation %s: %w", s, v1alpha1.AnnotationRestoreReplicas, err)
	}
	return nil
}

func (s scalable) read(ctx context.Context, c client.Client) (scalable, error) {
	o, _ := s.object.DeepCopyObject().(client.Object)
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
		return s, err
	}
	if set, ok := o.(*appsv1.StatefulSet); ok {
		return ofStatefulSet(set), nil
	}
	deployment, _ := o.(*appsv1.Deployment)
	return ofDeployment(deployment), nil
}

func (s scalable) asks() Right {
	resource := "deployments"
	if s.kind == "StatefulSet" {
		resource = "statefulsets"
	}
	return Right{"patch", "apps", resource, s.object.GetNamespace()}
}

func (s scalable) byHand(replicas string) string {
	resource := "deployment"
	if s.kind == "StatefulSet" {
		resource = "statefulset"
	}
	return fmt.Sprintf("kubectl scale %s -n %s %s --replicas=%s", resource, s.object.GetNamespace(), s.object.GetName(), replicas)
}

func (s scalable) had() string {
	if before, ours := s.stopped(); ours {
		return strconv.Itoa(before)
	}
	return strconv.Itoa(int(ptr.Deref(s.replicas, 1)))
}
