package kind

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// operator stands in for Koperator or Strimzi: again and again it creates the
// claims and pods of its nodes that are missing.
type operator struct {
	*kafkaCluster
	claim  func(node) *snapshotstest.Claim
	paused func(context.Context) (bool, error) // whether it is to make no claims

	stop  context.CancelFunc
	ended chan struct{}
	mutex sync.Mutex
	last  error // of the last round
}

// start runs the operator until it is ended.
func (o *operator) start(ctx context.Context) {
	var running context.Context
	running, o.stop = context.WithCancel(context.WithoutCancel(ctx))
	o.ended = make(chan struct{})
	go func() {
		defer close(o.ended)
		o.run(running)
	}()
}

func (o *operator) end() {
	o.stop()
	<-o.ended
}

// says is what went wrong in the last round.
func (o *operator) says() error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.last
}

func (o *operator) run(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		paused, err := o.paused(ctx)
		errs := []error{err}
		for _, n := range nodes {
			errs = append(errs, o.reconcile(ctx, n, paused || err != nil))
		}
		if ctx.Err() == nil {
			o.mutex.Lock()
			o.last = errors.Join(errs...)
			o.mutex.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// reconcile creates what a node lacks. While it is paused it creates the pod, and no
// claim, as Strimzi does.
func (o *operator) reconcile(ctx context.Context, n node, paused bool) error {
	claim, err := o.claimOf(ctx, n)
	if err == nil && claim == "" {
		claim, err = o.createClaim(ctx, n, paused)
	}
	if err != nil || claim == "" {
		return err
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: o.podName(n), Labels: podLabels(n.pool)}, Spec: o.podSpec(n.pool)}
	pod.Spec.Hostname = pod.Name
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
	if err := o.Create(ctx, pod); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create pod %s: %w", pod.Name, err)
	}
	return nil
}

// claimOf is the name of a node's claim; empty: there is none.
func (o *operator) claimOf(ctx context.Context, n node) (string, error) {
	wanted := o.claim(n).Obj()
	var claims corev1.PersistentVolumeClaimList
	if err := o.List(ctx, &claims, client.InNamespace(o.namespace), client.MatchingLabels(wanted.Labels)); err != nil {
		return "", fmt.Errorf("list the claims of node %d: %w", n.id, err)
	}
	for _, c := range claims.Items {
		if c.DeletionTimestamp == nil && (wanted.Name == "" || wanted.Name == c.Name) {
			return c.Name, nil
		}
	}
	return "", nil
}

// createClaim creates a node's claim, unless it is paused, and returns its name;
// empty: it is not known before it is made.
func (o *operator) createClaim(ctx context.Context, n node, paused bool) (string, error) {
	claim := o.claim(n).In(o.namespace).Class(waitingClass).Obj()
	if paused {
		return claim.Name, nil
	}
	if err := o.Create(ctx, claim); err != nil {
		return "", fmt.Errorf("create the claim of node %d: %w", n.id, err)
	}
	return claim.Name, nil
}
