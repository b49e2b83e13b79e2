package recovery

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/snapshots"
)

// Operator is the program that creates the brokers' claims and pods.
type Operator interface {
	// Name returns its name, with the object that it works for.
	Name() string

	// Problems returns why it cannot be stopped, or would not create claims
	// again. Each says what to do.
	Problems() []string

	// Asks returns the rights that are needed to stop it.
	Asks() []Right

	// Stop keeps it from creating claims, and returns when it creates none.
	// Start undoes only a Stop by this program. Both can be repeated.
	Stop(ctx context.Context, r *Runner) error
	Start(ctx context.Context, r *Runner) error

	// Nudge makes it create its claims sooner.
	Nudge(ctx context.Context, r *Runner) error

	// StopByHand and StartByHand return commands for a person.
	StopByHand() []string
	StartByHand() []string
}

// finders has the functions that find operators that a restore can stop, each in
// its own file. Other claims are made by StatefulSets, or their creator has to be
// stopped by hand.
var finders = map[snapshots.Operator]func(context.Context, client.Client, *Plan, types.NamespacedName) (Operator, error){
	snapshots.OperatorKoperator: findKoperator,
	snapshots.OperatorStrimzi:   findStrimzi,
}

// notStrimzi blocks a plan whose flags ask for more than the operator has.
const notStrimzi = "--patch-cluster-id is for Strimzi, which keeps the cluster id in the status of its Kafka: leave it out"

// FindOperator returns the operator in charge of the plan's volumes. deployment is
// the operator's own; if it is empty, it is searched for.
func FindOperator(ctx context.Context, c client.Client, p *Plan, deployment types.NamespacedName) (Operator, error) {
	for _, item := range p.Items {
		if find := finders[item.Volume.Operator()]; find != nil {
			found, err := find(ctx, c, p, deployment)
			if _, ok := found.(identified); err == nil && !ok && p.ClusterID != "" {
				p.Blocks = append(p.Blocks, notStrimzi)
			}
			return found, err
		}
	}
	if p.ClusterID != "" {
		p.Blocks = append(p.Blocks, notStrimzi)
	}
	return findStatefulSets(ctx, c, p)
}

// unknownOperator is the Operator if it is not known what creates the claims.
// It cannot be stopped.
type unknownOperator struct{ all bool }

func (unknownOperator) Name() string { return "not known" }

func (u unknownOperator) Problems() []string {
	if u.all {
		return []string{"no StatefulSet has these claims: what creates them and their pods is not known, and so cannot be stopped"}
	}
	return nil
}
func (unknownOperator) Asks() []Right                        { return nil }
func (unknownOperator) Stop(context.Context, *Runner) error  { return nil }
func (unknownOperator) Start(context.Context, *Runner) error { return nil }
func (unknownOperator) Nudge(context.Context, *Runner) error { return nil }
func (unknownOperator) StopByHand() []string {
	return []string{"# stop what runs the brokers and makes their claims"}
}
func (unknownOperator) StartByHand() []string { return []string{"# start it again"} }

// patch changes an object by a JSON merge patch. It is a conflict if the object has
// changed since it was read.
func patch(ctx context.Context, c client.Client, o client.Object, change map[string]any) error {
	body, err := mergepatch.Of(o.GetUID(), o.GetResourceVersion(), change)
	if err != nil {
		return fmt.Errorf("change %s: %w", o.GetName(), err)
	}
	return c.Patch(ctx, o, body)
}

// podsGone waits until list returns no more pods.
func (r *Runner) podsGone(ctx context.Context, whose string, list func(context.Context) ([]corev1.Pod, error)) error {
	return r.await(ctx, func(ctx context.Context) (string, error) {
		pods, err := list(ctx)
		if err != nil || len(pods) == 0 {
			return "", err
		}
		return whose + ": " + stillThere(&pods[0], time.Now()), nil
	})
}
