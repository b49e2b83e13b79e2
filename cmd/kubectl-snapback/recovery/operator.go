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

// Operator is who makes the claims and pods of the brokers.
type Operator interface {
	// Name is what people call it, with the object that it works for.
	Name() string

	// Problems are why it could not be stopped or would not make claims again.
	// Each says what to do.
	Problems() []string

	// Asks are the rights that stopping it takes.
	Asks() []Right

	// Stop keeps it from making claims, and returns when it makes none.
	// Start undoes a Stop of ours, and of nobody else's. Both can be repeated.
	Stop(ctx context.Context, r *Runner) error
	Start(ctx context.Context, r *Runner) error

	// Nudge has it look at its claims sooner.
	Nudge(ctx context.Context, r *Runner) error

	// StopByHand and StartByHand are commands.
	StopByHand() []string
	StartByHand() []string
}

// finders find the operators that a restore can stop, each in a file of its own.
// Claims of others are StatefulSets', or what makes them is stopped by hand.
var finders = map[snapshots.Operator]func(context.Context, client.Client, *Plan, types.NamespacedName) (Operator, error){
	snapshots.OperatorKoperator: findKoperator,
	snapshots.OperatorStrimzi:   findStrimzi,
}

// FindOperator finds out who is in charge of the plan's volumes. The
// deployment is the operator's own, if that is known; else it is looked for.
func FindOperator(ctx context.Context, c client.Client, p *Plan, deployment types.NamespacedName) (Operator, error) {
	for _, item := range p.Items {
		if find := finders[item.Volume.Operator()]; find != nil {
			return find(ctx, c, p, deployment)
		}
	}
	return findStatefulSets(ctx, c, p)
}

// unknownOperator is whoever makes the claims again: nobody can stop it.
type unknownOperator struct{ all bool }

func (unknownOperator) Name() string { return "not known" }

func (u unknownOperator) Problems() []string {
	if u.all {
		return []string{"no StatefulSet has these claims, so who makes them and their pods is not known, and cannot be stopped from here"}
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

// patch changes an object as it was read: it is a conflict if it has changed
// since. The change is a JSON merge patch.
func patch(ctx context.Context, c client.Client, o client.Object, change map[string]any) error {
	body, err := mergepatch.Of(o.GetUID(), o.GetResourceVersion(), change)
	if err != nil {
		return fmt.Errorf("change %s: %w", o.GetName(), err)
	}
	return c.Patch(ctx, o, body)
}

// podsGone waits until none of the pods is there that the list gives.
func (r *Runner) podsGone(ctx context.Context, whose string, list func(context.Context) ([]corev1.Pod, error)) error {
	return r.await(ctx, func(ctx context.Context) (string, error) {
		pods, err := list(ctx)
		if err != nil || len(pods) == 0 {
			return "", err
		}
		return whose + ": " + stillThere(&pods[0], time.Now()), nil
	})
}
