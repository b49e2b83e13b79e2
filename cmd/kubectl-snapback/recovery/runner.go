package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots"
)

// Runner carries out a plan.
type Runner struct {
	Client   client.Client
	Kafka    func(ctx context.Context, broker int32) (*kafka.Observation, error) // asked only about brokers that it has been asked about for the plan
	Plan     *Plan
	Operator Operator
	Timeout  time.Duration // of each wait
	Out      io.Writer     // gets a line for each action

	retained []string // PersistentVolumes that were set to Retain
	deleted  bool     // whether anything was deleted
}

func (r *Runner) say(format string, args ...any) { fmt.Fprintf(r.Out, format+"\n", args...) }

// Run carries out the plan. After an error the same request goes on from there. If
// nothing was deleted before the error, all changes are undone.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.setClusterID(ctx); err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		if r.Plan.ClusterID != "" {
			return fmt.Errorf("%w; Kafka %s has the cluster id of the snapshots, and may be paused: run the same command again", err, r.Plan.Cluster.Name)
		}
		return err
	}
	err := r.replaceAll(ctx)
	if err != nil && !r.deleted && !r.Plan.All && !r.Plan.begun() {
		return r.undo(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("%w; the restore is not finished%s: run the same command again to go on", err, r.stands())
	}
	if err := r.letGo(ctx); err != nil {
		return fmt.Errorf("all is restored, but the snapshots are still pinned: %w; run the same command again", err)
	}
	r.say("the snapshots are let go")
	kept, err := r.kept(ctx)
	if err != nil {
		return fmt.Errorf("all is restored, but which old volumes are kept could not be read: %w; run kubectl get pv: they are annotated %s", err, v1alpha1.AnnotationRetainedBy)
	}
	r.Plan.Kept = kept
	return nil
}

// stands returns what stays stopped after an interruption.
func (r *Runner) stands() string {
	if r.Plan.All {
		return ", and what was stopped stays so"
	}
	return ""
}

// prepare pins the snapshots, asks the webhook, tries the storage, and keeps the
// old volumes. If one of these fails, it undoes them all, so that no pin is
// forgotten.
func (r *Runner) prepare(ctx context.Context) error {
	err := r.pin(ctx)
	if err == nil {
		err = r.alone(ctx)
	}
	if err == nil {
		err = r.ask(ctx)
	}
	if err == nil {
		err = r.try(ctx)
	}
	if err == nil {
		err = r.retainOld(ctx)
	}
	if err == nil || r.Plan.begun() {
		return err
	}
	return r.undo(ctx, err)
}

// undo undoes what was prepared, and returns the reason with what came of that.
func (r *Runner) undo(ctx context.Context, err error) error {
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), askFor)
	defer cancel()
	if left := errors.Join(r.unretain(after), r.letGo(after)); left != nil {
		return errors.Join(err, fmt.Errorf("and what was changed could not all be undone: %w", left))
	}
	return fmt.Errorf("%w; the pins were taken off again, nothing else was changed", err)
}

// begun reports whether an earlier attempt may have changed anything.
func (p *Plan) begun() bool {
	return slices.ContainsFunc(p.Items, func(i Item) bool { return i.Begun })
}

// retainOld keeps the volumes of the claims that will be replaced.
func (r *Runner) retainOld(ctx context.Context) error {
	claims, _, _, err := r.old(ctx, r.Plan.all())
	if err != nil {
		return err
	}
	return r.retain(ctx, claims)
}

// replaceAll replaces all volumes of the plan: those of the whole cluster together,
// else one broker after another.
func (r *Runner) replaceAll(ctx context.Context) error {
	for n := range r.Plan.Brokers {
		if err := r.replaceBroker(ctx, &r.Plan.Brokers[n]); err != nil {
			return fmt.Errorf("%w%s", err, r.untouched(n+1))
		}
	}
	if !r.Plan.All {
		return nil
	}
	if r.Plan.stops() {
		if err := r.Operator.Stop(ctx, r); err != nil {
			return err
		}
	}
	return r.replace(ctx, r.Plan.all(), r.Operator.Start)
}

// replaceBroker replaces the volumes of one broker, if Kafka agrees, and waits until
// Kafka has it in sync.
func (r *Runner) replaceBroker(ctx context.Context, b *Broker) error {
	items := r.Plan.itemsOf(b.Node)
	if !done(items) {
		if err := r.agree(ctx, b); err != nil {
			return fmt.Errorf("nothing of broker %s was deleted: %w", b.Node, err)
		}
	}
	if err := r.replace(ctx, items, r.Operator.Nudge); err != nil {
		return err
	}
	return r.catchUp(ctx, b)
}

// untouched returns which brokers of the plan were not touched yet.
func (r *Runner) untouched(from int) string {
	var left []string
	for _, b := range r.Plan.Brokers[from:] {
		if !done(r.Plan.itemsOf(b.Node)) {
			left = append(left, b.Node)
		}
	}
	if len(left) == 0 {
		return ""
	}
	return "; not touched: " + strings.Join(left, ", ")
}

// replace deletes the claims, has the operator make them again, and waits for
// restored ones.
func (r *Runner) replace(ctx context.Context, items []*Item, again func(context.Context, *Runner) error) error {
	if err := r.delete(ctx, items); err != nil {
		return err
	}
	if err := again(ctx, r); err != nil {
		return err
	}
	return r.awaitRestored(ctx, items)
}

// all returns all volumes of the plan.
func (p *Plan) all() []*Item {
	items := make([]*Item, len(p.Items))
	for n := range p.Items {
		items[n] = &p.Items[n]
	}
	return items
}

// stops reports whether the operator has to be stopped. It has not if an earlier
// attempt has deleted all old claims.
func (p *Plan) stops() bool {
	return slices.ContainsFunc(p.Items, func(i Item) bool { return !i.Begun || !i.Done && len(i.Volume.Claims) > 0 })
}

// delete deletes the claims, and then the pods that use them: a claim is gone only
// after its pod, and a pod that is created again at once must not get the old
// claim. Brokers stop before the nodes that hold votes, which includes combined
// nodes: without a controller a broker does not stop by itself.
func (r *Runner) delete(ctx context.Context, items []*Item) error {
	claims, brokers, voters, err := r.old(ctx, items)
	if err != nil {
		return err
	}
	if err := r.retain(ctx, claims); err != nil { // again: some may have been bound or created since
		return err
	}
	r.deleted = true // or about to be
	going := map[types.UID]bool{}
	for _, c := range claims {
		going[c.UID] = true
		if err := r.remove(ctx, "claim", c); err != nil {
			return err
		}
	}
	for _, pods := range [][]*corev1.Pod{brokers, voters} {
		if err := r.stopPods(ctx, pods); err != nil {
			return err
		}
	}
	return r.awaitGone(ctx, going)
}

// old returns the present state of the claims that will be replaced, and the pods
// that use them, with those of the quorum apart.
func (r *Runner) old(ctx context.Context, items []*Item) (claims []*corev1.PersistentVolumeClaim, brokers, voters []*corev1.Pod, err error) {
	pvcs, pods, err := r.list(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, item := range items {
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
		if using := podsOf(&now, pods); now.Role.Quorum() {
			voters = append(voters, using...)
		} else {
			brokers = append(brokers, using...)
		}
	}
	return claims, brokers, voters, nil
}
