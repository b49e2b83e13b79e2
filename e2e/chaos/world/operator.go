package world

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// operator is the stand-in of a Kafka operator.
type operator interface {
	// reconcile makes the claim of a volume unless there is one.
	reconcile(context.Context, plan.Volume) error

	// stopped reports whether it makes no claims now.
	stopped(context.Context) bool
}

// An operator looks this often, and waits up to longestPause after an error.
const (
	shortestPause = 500 * time.Millisecond
	longestPause  = 4 * time.Second
)

// operatorOf is the operator of a cluster.
func (w *World) operatorOf(c plan.Cluster) operator {
	switch c.Shape {
	case plan.Koperator:
		return koperator{w, c}
	case plan.Strimzi:
		return strimzi{w, c}
	case plan.StatefulSet:
		return scheduling{w.operators, c}
	}
	return nil
}

// operate reconciles the volumes of a cluster, each with a backoff of its own.
func operate(ctx context.Context, c plan.Cluster, o operator) {
	pauses, due := map[string]time.Duration{}, map[string]time.Time{}
	tick := time.NewTicker(shortestPause)
	defer tick.Stop()
	for ctx.Err() == nil {
		stopped := o.stopped(ctx)
		for _, v := range c.Volumes {
			if stopped || time.Now().Before(due[v.Key]) {
				continue
			}
			pause := shortestPause
			if o.reconcile(ctx, v) != nil {
				pause = min(longestPause, 2*max(shortestPause, pauses[v.Key]))
			}
			pauses[v.Key], due[v.Key] = pause, time.Now().Add(pause)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// koperator lets the apiserver name its claims, and finds them by labels.
type koperator struct {
	*World
	cluster plan.Cluster
}

func (k koperator) reconcile(ctx context.Context, v plan.Volume) error {
	claim := snapshotstest.KoperatorClaim(k.cluster.Name, v.Node, v.MountPath()).In(v.Namespace).Class(cluster.StorageClass).Obj()
	claim.GenerateName = v.Claim
	var found corev1.PersistentVolumeClaimList
	if err := k.operators.List(ctx, &found, client.InNamespace(v.Namespace), client.MatchingLabels(claim.Labels)); err != nil {
		return fmt.Errorf("look for the claim of %s: %w", v.Key, err)
	}
	for i := range found.Items {
		if found.Items[i].Annotations["mountPath"] == v.MountPath() {
			return nil
		}
	}
	return k.operators.Create(ctx, k.withWishes(claim, v))
}

// strimzi has fixed names.
type strimzi struct {
	*World
	cluster plan.Cluster
}

func (s strimzi) reconcile(ctx context.Context, v plan.Volume) error {
	claim := snapshotstest.StrimziClaim(s.cluster.Name, v.Pool, v.Node, v.Disk).In(v.Namespace).Class(cluster.StorageClass).Obj()
	var found corev1.PersistentVolumeClaim
	if err := s.operators.Get(ctx, client.ObjectKeyFromObject(claim), &found); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("look for the claim of %s: %w", v.Key, err)
	} else if err == nil {
		return nil
	}
	return s.operators.Create(ctx, s.withWishes(claim, v))
}

// withWishes adds the annotations that people want on the claims of a volume.
func (w *World) withWishes(claim *corev1.PersistentVolumeClaim, v plan.Volume) *corev1.PersistentVolumeClaim {
	if wished, ok := w.wishes.Load(v.Key); ok {
		maps.Copy(claim.Annotations, wished.(map[string]string))
	}
	return claim
}

// Wish sets the annotations that the operator gives the claims of a volume which it
// makes; nil: none. The claims of a StatefulSet are of its template.
func (w *World) Wish(v plan.Volume, annotations map[string]string) {
	w.wishes.Store(v.Key, annotations)
}

// scheduling stands in for the scheduler of a cluster with nodes. Kubernetes' own
// controller makes the claims of a StatefulSet, when something happens to its
// pods: without a scheduler nothing happens to one whose claim went after it was made.
type scheduling struct {
	client.Client
	cluster plan.Cluster
}

func (s scheduling) reconcile(ctx context.Context, v plan.Volume) error {
	var found corev1.PersistentVolumeClaim
	if err := s.Get(ctx, client.ObjectKey{Namespace: v.Namespace, Name: v.Claim}, &found); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("look for the claim of %s: %w", v.Key, err)
	} else if err == nil {
		return nil
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: v.Namespace, Name: fmt.Sprintf("%s-%d", s.cluster.Name, v.Node)}}
	if err := s.Delete(ctx, pod, client.GracePeriodSeconds(0)); err != nil {
		return fmt.Errorf("delete a pod without its claim: %w", err)
	}
	return fmt.Errorf("%s has no claim", v.Key) // its controller gets a moment
}

// VolumeOf returns the volume that a claim is of.
func (w *World) VolumeOf(claim *corev1.PersistentVolumeClaim) (plan.Volume, bool) {
	return w.Layout.VolumeOf(claim.Namespace, claim.Name)
}
