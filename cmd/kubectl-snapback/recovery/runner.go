package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// Runner carries a plan out.
type Runner struct {
	Client   client.Client
	Plan     *Plan
	Operator Operator
	Timeout  time.Duration // of each thing that is waited for
	Out      io.Writer     // what is done, a line each
}

func (r *Runner) say(format string, args ...any) { fmt.Fprintf(r.Out, format+"\n", args...) }

// Run carries the plan out. An error leaves what was done, so that the same
// request goes on from there; if nothing was deleted yet, nothing is left.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.replace(ctx); err != nil {
		return fmt.Errorf("%w; the restore is not finished%s: run the same command again to go on", err, r.stands())
	}
	if err := r.letGo(ctx); err != nil {
		return fmt.Errorf("all is restored, but the snapshots are still pinned: %w; run the same command again", err)
	}
	r.say("the snapshots are let go")
	return nil
}

// stands says what stands still after an interruption.
func (r *Runner) stands() string {
	if r.Plan.All {
		return ", and what was stopped stays so"
	}
	return ""
}

// prepare pins, and asks the webhook. A plan that it does not agree to is
// given up, so that no pin is forgotten.
func (r *Runner) prepare(ctx context.Context) error {
	begun := false
	_ = r.each(func(item *Item) error { begun = begun || item.Begun; return nil })
	err := r.pin(ctx)
	if err == nil {
		err = r.alone(ctx)
	}
	if err == nil {
		err = r.ask(ctx)
	}
	if err == nil || begun {
		return err
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), askFor)
	defer cancel()
	if undone := r.letGo(after); undone != nil {
		return errors.Join(err, fmt.Errorf("and the snapshots could not be let go again: %w", undone))
	}
	return fmt.Errorf("%w; the pins were taken off again, nothing else was changed", err)
}

// replace has the claims replaced by restored ones.
func (r *Runner) replace(ctx context.Context) error {
	if r.Plan.All && r.Plan.stops() {
		if err := r.Operator.Stop(ctx, r); err != nil {
			return err
		}
	}
	going, err := r.delete(ctx)
	if err != nil {
		return err
	}
	if err := r.awaitGone(ctx, going); err != nil {
		return err
	}
	again := r.Operator.Nudge
	if r.Plan.All {
		again = r.Operator.Start
	}
	if err := again(ctx, r); err != nil {
		return err
	}
	return r.awaitRestored(ctx)
}

// stops reports whether the operator has to be stopped: not if all old claims
// have gone in an earlier attempt.
func (p *Plan) stops() bool {
	return slices.ContainsFunc(p.Items, func(i Item) bool { return !i.Begun || !i.Done && len(i.Volume.Claims) > 0 })
}

// delete deletes the claims, and then the pods that use them: a
// claim goes when its pod has gone, and a pod that is made again at once must
// not get the old claim. It returns the UIDs of what has to go.
func (r *Runner) delete(ctx context.Context) (map[types.UID]bool, error) {
	claims, pods, err := r.old(ctx)
	if err != nil {
		return nil, err
	}
	going := map[types.UID]bool{}
	remove := func(kind string, o client.Object) error {
		uid := o.GetUID()
		if going[uid] {
			return nil
		}
		going[uid] = true
		err := r.Client.Delete(ctx, o, client.Preconditions{UID: &uid})
		switch {
		case err == nil:
			r.say("%s %s is deleted", kind, o.GetName())
		case !apierrors.IsNotFound(err) && !apierrors.IsConflict(err): // gone, or another one of its name
			return fmt.Errorf("delete %s %s: %w", kind, o.GetName(), err)
		}
		return nil
	}
	for _, c := range claims {
		if err := remove("claim", c); err != nil {
			return nil, err
		}
	}
	for _, pod := range pods {
		if err := remove("pod", pod); err != nil {
			return nil, err
		}
	}
	return going, nil
}

// old are the claims that are to be replaced as they are now, and the pods
// that use them.
func (r *Runner) old(ctx context.Context) (claims []*corev1.PersistentVolumeClaim, pods []*corev1.Pod, err error) {
	pvcs, allPods, err := r.list(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, item := range r.Plan.Items {
		if item.Done {
			continue
		}
		now := inventory.Volume{Volume: item.Volume.Volume}
		for n := range pvcs {
			v, ok := snapshots.Identify(pvcs[n].Namespace, &pvcs[n], r.Plan.backups)
			if ok && v.Hash() == now.Hash() && (pvcs[n].UID == item.Replaces || pvcs[n].DeletionTimestamp != nil) {
				now.Claims = append(now.Claims, &pvcs[n])
			}
		}
		claims = append(claims, now.Claims...)
		pods = append(pods, podsOf(&now, allPods)...)
	}
	return claims, pods, nil
}
