package kind

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// creates is the least number of claims that are created while something happens
// to Snapback.
const creates = 200

// checkRollingUpdate restarts all replicas, one after another, while claims are
// created: none is refused.
func checkRollingUpdate(ctx context.Context, w *world) error {
	refusals, err := w.createDuring(ctx, func(ctx context.Context) error {
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil,
			`{"spec":{"template":{"metadata":{"annotations":{"restarted-at":%q}}}}}`, time.Now().Format(time.RFC3339Nano)))
		if err := w.Patch(ctx, snapbackDeployment(), patch); err != nil {
			return fmt.Errorf("restart Snapback: %w", err)
		}
		return w.settled(ctx, 2)
	})
	if err == nil && len(refusals) > 0 {
		err = fmt.Errorf("%d claims were refused, the first: %w", len(refusals), refusals[0])
	}
	return err
}

// checkKilledReplica kills one of two replicas, without time to shut down, while
// claims are created. A refused claim must be restored when it is created again,
// and no claim may be empty.
func checkKilledReplica(ctx context.Context, w *world) error {
	_, err := w.createDuring(ctx, func(ctx context.Context) error {
		pods, err := w.snapbackPods(ctx)
		if err != nil {
			return err
		}
		if len(pods) != 2 {
			return fmt.Errorf("%d replicas run, 2 are expected", len(pods))
		}
		if err := w.Delete(ctx, &pods[0], client.GracePeriodSeconds(0)); err != nil {
			return fmt.Errorf("kill replica %s: %w", pods[0].Name, err)
		}
		return w.settled(ctx, 2)
	})
	return err
}

// createDuring creates claims of a backed up volume, in dry runs, for as long
// as something happens to Snapback and 200 at the least. Each is tried until
// it is let in, as operators do, and must get its snapshot then. It returns
// how often one was refused.
func (w *world) createDuring(ctx context.Context, happen func(context.Context) error) (refusals []error, err error) {
	namespace, err := w.namespace(ctx, "creates", nil)
	if err != nil {
		return nil, err
	}
	lost, err := w.createBound(ctx, koperatorClaim("events", 0).In(namespace).Class(immediateClass).Obj())
	if err != nil {
		return nil, err
	}
	if err := errors.Join(w.backUp(ctx, optedIn(namespace, "events"), 1), w.deleteClaim(ctx, lost)); err != nil {
		return nil, err
	}
	var over atomic.Bool
	var made atomic.Int64
	refused := make(chan error, 10_000)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		defer over.Store(true)
		return happen(ctx)
	})
	for range 4 {
		all.Go(func() error {
			for !over.Load() || made.Load() < creates {
				if err := w.createDry(ctx, namespace, refused); err != nil {
					return err
				}
				made.Add(1)
			}
			return nil
		})
	}
	err = all.Wait()
	close(refused)
	for r := range refused {
		refusals = append(refusals, r)
	}
	w.logf("%d claims were created, %d times one was refused", made.Load(), len(refusals))
	return refusals, err
}

// createDry creates one claim, in dry runs, until it is let in.
func (w *world) createDry(ctx context.Context, namespace string, refused chan<- error) error {
	var claim *corev1.PersistentVolumeClaim
	err := eventually(ctx, func(ctx context.Context) error {
		claim = koperatorClaim("events", 0).In(namespace).Class(immediateClass).Obj()
		err := w.Create(ctx, claim, client.DryRunAll)
		if err != nil && ctx.Err() == nil {
			refused <- err
		}
		return err
	})
	if err == nil && claim.Spec.DataSource == nil {
		err = errors.New("a claim was let in empty")
	}
	return err
}
