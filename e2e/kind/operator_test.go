package kind

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// operator stands in for Koperator or Strimzi: again and again it creates the
// claims and pods of its brokers that are missing.
type operator struct {
	*world
	namespace string
	cluster   string
	claim     func(cluster string, id int) *snapshotstest.Claim
}

func koperatorClaim(cluster string, id int) *snapshotstest.Claim {
	return snapshotstest.KoperatorClaim(cluster, id, "/kafka-logs")
}

func strimziClaim(cluster string, id int) *snapshotstest.Claim {
	return snapshotstest.StrimziClaim(cluster, "broker", id, 0)
}

func (o *operator) podName(id int) string { return fmt.Sprintf("%s-%d", o.cluster, id) }

// run reconciles until the context is done, and returns the last error then.
func (o *operator) run(ctx context.Context) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		errs := []error{}
		for id := range brokers {
			errs = append(errs, o.reconcile(ctx, id))
		}
		if ctx.Err() != nil {
			return last
		}
		last = errors.Join(errs...)
		select {
		case <-ctx.Done():
			return last
		case <-tick.C:
		}
	}
}

// reconcile creates what a broker lacks.
func (o *operator) reconcile(ctx context.Context, id int) error {
	wanted := o.claim(o.cluster, id).In(o.namespace).Class(waitingClass).Obj()
	var claims corev1.PersistentVolumeClaimList
	if err := o.List(ctx, &claims, client.InNamespace(o.namespace), client.MatchingLabels(wanted.Labels)); err != nil {
		return fmt.Errorf("list the claims of broker %d: %w", id, err)
	}
	claim := ""
	for _, c := range claims.Items {
		if c.DeletionTimestamp == nil && (wanted.Name == "" || wanted.Name == c.Name) {
			claim = c.Name
		}
	}
	if claim == "" {
		if err := o.Create(ctx, wanted); err != nil {
			return fmt.Errorf("create the claim of broker %d: %w", id, err)
		}
		claim = wanted.Name
	}
	err := o.Create(ctx, brokerPod(o.namespace, o.podName(id), claim))
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create the pod of broker %d: %w", id, err)
	}
	return nil
}

// checkOperator loses two of an operator's brokers at a time.
func checkOperator(claim func(string, int) *snapshotstest.Claim) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) (err error) {
		o := &operator{world: w, cluster: "events", claim: claim}
		if o.namespace, err = w.namespace(ctx, "operator", nil); err != nil {
			return err
		}
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- o.run(running) }()
		err = o.loseAndFind(ctx)
		stop()
		said := <-ended
		if err != nil && said != nil {
			err = fmt.Errorf("%w; the operator says: %w", err, said)
		}
		return err
	}
}

// loseAndFind backs the operator's brokers up, loses two and finds their
// records again.
func (o *operator) loseAndFind(ctx context.Context) error {
	held := make([]string, brokers)
	for id := range held {
		var err error
		if held[id], err = o.produce(ctx, o.namespace, o.podName(id)); err != nil {
			return err
		}
	}
	if err := o.backUp(ctx, optedIn(o.namespace, o.cluster), brokers); err != nil {
		return err
	}
	lost := map[int]*corev1.PersistentVolumeClaim{}
	for _, id := range []int{0, 2} {
		var err error
		pod := &corev1.Pod{}
		pod.Namespace, pod.Name = o.namespace, o.podName(id)
		if lost[id], err = o.lose(ctx, pod); err != nil {
			return err
		}
	}
	for id, claim := range lost {
		if err := o.restored(ctx, client.ObjectKey{Namespace: o.namespace, Name: o.podName(id)}, claim); err != nil {
			return err
		}
	}
	for id, records := range held {
		if err := o.sameRecords(ctx, o.namespace, o.podName(id), records); err != nil {
			return err
		}
	}
	return nil
}
