package recovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// annotationPause is the annotation of a Kafka that keeps Strimzi from creating
// its claims. Strimzi still creates its pods again at once, which wait for claims.
const annotationPause = "strimzi.io/pause-reconciliation"

// strimzi is the Operator for Strimzi, which creates claims in the next
// reconciliation of a Kafka.
type strimzi struct {
	namespace, cluster string
	kafka              *unstructured.Unstructured // nil: it was not found
	id                 string                     // the cluster id that it is given; empty: its own
	problems           []string
}

var _ Operator = (*strimzi)(nil)

// findStrimzi finds the Kafka of the plan. It needs no Deployment, since a Kafka
// can be paused.
func findStrimzi(ctx context.Context, c client.Client, p *Plan, _ types.NamespacedName) (Operator, error) {
	s := &strimzi{namespace: p.Cluster.Namespace, cluster: p.Cluster.Name}
	problem := func(format string, args ...any) {
		if p.All { // a single broker needs no pause
			s.problems = append(s.problems, fmt.Sprintf(format, args...))
		}
	}
	mapping, err := c.RESTMapper().RESTMapping(schema.GroupKind{Group: "kafka.strimzi.io", Kind: "Kafka"})
	if meta.IsNoMatchError(err) {
		problem("this cluster does not know Strimzi's Kafka, so its reconciliation cannot be paused")
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the API of Strimzi's Kafka: %w", err)
	}
	kafka := &unstructured.Unstructured{}
	kafka.SetGroupVersionKind(mapping.GroupVersionKind)
	err = c.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: s.cluster}, kafka)
	switch {
	case apierrors.IsNotFound(err):
		problem("Kafka %s/%s was not found, so its reconciliation cannot be paused", s.namespace, s.cluster)
		return s, nil
	case apierrors.IsForbidden(err):
		problem("you may not read Kafka %s/%s, so its reconciliation cannot be paused", s.namespace, s.cluster)
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("read kafka %s/%s: %w", s.namespace, s.cluster, err)
	}
	s.kafka = kafka
	switch ours := kafka.GetAnnotations()[v1alpha1.AnnotationRestorePaused] == v1alpha1.ValueTrue; {
	case kafka.GetAnnotations()[annotationPause] != "true":
	case !ours:
		s.problems = append(s.problems, fmt.Sprintf("Kafka %s is annotated %s=true by somebody, and no claim is made until that is taken off: take it off", s.cluster, annotationPause))
	case !p.All:
		s.problems = append(s.problems, fmt.Sprintf("Kafka %s was paused by a restore of the whole cluster that was interrupted: finish that first", s.cluster))
	}
	s.identity(p)
	return s, nil
}

func (s *strimzi) Name() string       { return "Strimzi (Kafka " + s.cluster + ")" }
func (s *strimzi) Problems() []string { return s.problems }

func (s *strimzi) Asks() []Right {
	rights := []Right{{"patch", "kafka.strimzi.io", "kafkas", s.namespace}}
	if s.id != "" {
		rights = append(rights, Right{"patch", "kafka.strimzi.io", "kafkas/status", s.namespace})
	}
	return rights
}

// Stop pauses the Kafka, and waits until Strimzi confirms it: a running
// reconciliation still creates claims.
func (s *strimzi) Stop(ctx context.Context, r *Runner) error {
	if s.kafka.GetAnnotations()[v1alpha1.AnnotationRestorePaused] != v1alpha1.ValueTrue {
		if err := s.annotate(ctx, r.Client, map[string]any{annotationPause: "true", v1alpha1.AnnotationRestorePaused: v1alpha1.ValueTrue}); err != nil {
			return fmt.Errorf("pause kafka %s/%s: %w", s.namespace, s.cluster, err)
		}
		r.say("Kafka %s is paused (%s)", s.cluster, annotationPause)
	}
	return r.await(ctx, func(ctx context.Context) (string, error) {
		kafka := s.kafka.DeepCopy()
		if err := r.Client.Get(ctx, client.ObjectKeyFromObject(kafka), kafka); err != nil {
			return "", fmt.Errorf("read kafka %s/%s: %w", s.namespace, s.cluster, err)
		}
		if pausedCondition(kafka) {
			return "", nil
		}
		return fmt.Sprintf("Kafka %s has no condition ReconciliationPaused yet: is Strimzi's operator running?", s.cluster), nil
	})
}

func pausedCondition(kafka *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(kafka.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "ReconciliationPaused" && c["status"] == "True" {
			return true
		}
	}
	return false
}

func (s *strimzi) Start(ctx context.Context, r *Runner) error {
	kafka := s.kafka.DeepCopy()
	if err := r.Client.Get(ctx, client.ObjectKeyFromObject(kafka), kafka); err != nil {
		return fmt.Errorf("read kafka %s/%s: %w", s.namespace, s.cluster, err)
	}
	if kafka.GetAnnotations()[v1alpha1.AnnotationRestorePaused] != v1alpha1.ValueTrue {
		return nil
	}
	if err := s.annotate(ctx, r.Client, map[string]any{annotationPause: nil, v1alpha1.AnnotationRestorePaused: nil}); err != nil {
		return fmt.Errorf("take %s off kafka %s/%s: %w", annotationPause, s.namespace, s.cluster, err)
	}
	r.say("Kafka %s is reconciled again", s.cluster)
	return nil
}

// Nudge changes the Kafka for a moment, so that Strimzi creates the claims at once,
// and not within two minutes. A user without the right just waits.
func (s *strimzi) Nudge(ctx context.Context, r *Runner) error {
	if s.kafka == nil {
		return nil
	}
	const nudge = "snapback.dev/reconcile"
	err := s.annotate(ctx, r.Client, map[string]any{nudge: time.Now().UTC().Format(time.RFC3339)})
	if apierrors.IsForbidden(err) {
		r.say("you may not annotate Kafka %s: the claim is made with its next reconciliation, within two minutes", s.cluster)
		return nil
	}
	if err = errors.Join(err, s.annotate(ctx, r.Client, map[string]any{nudge: nil})); err != nil {
		return fmt.Errorf("annotate kafka %s/%s: %w", s.namespace, s.cluster, err)
	}
	return nil
}

func (s *strimzi) annotate(ctx context.Context, c client.Client, change map[string]any) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		kafka := s.kafka.DeepCopy()
		if err := c.Get(ctx, client.ObjectKeyFromObject(kafka), kafka); err != nil {
			return err
		}
		return patch(ctx, c, kafka, mergepatch.Annotations(change))
	})
}

func (s *strimzi) StopByHand() []string {
	return []string{fmt.Sprintf("kubectl annotate kafka -n %s %s %s=true", s.namespace, s.cluster, annotationPause)}
}

func (s *strimzi) StartByHand() []string {
	return []string{fmt.Sprintf("kubectl annotate kafka -n %s %s %s-", s.namespace, s.cluster, annotationPause)}
}
