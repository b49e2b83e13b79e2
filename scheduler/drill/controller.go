// Package drill carries out restore drills: a claim is made from a volume's good
// snapshot, a pod reads it as Kafka would, and both are deleted.
//
// All state is in the cluster: in the claims and pods of drills, and in the reports
// that are written to the snapshots. A process that ends at any step leaves nothing
// that the next one does not continue or remove.
package drill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// How long it takes until a cluster is looked at again without a change.
const (
	resync         = 5 * time.Minute
	waitForRestore = time.Minute      // a drill is due, and the cluster has something better to do
	waitForTurn    = 15 * time.Second // a drill is due, and there are enough
	waitForStep    = 3 * time.Second  // a drill is under way
)

// lookTimeout is the limit of one reconciliation.
const lookTimeout = 2 * time.Minute

// workers is how many clusters are reconciled at once, so that one whose calls hang
// does not hold up the others.
const workers = 4

// Reconciler carries out the drills of Kafka clusters. The name in a request is the
// value of the label [v1alpha1.LabelDrill].
type Reconciler struct {
	Client    client.Client // may read from a cache
	APIReader client.Reader // reads from the apiserver
	Mapper    meta.RESTMapper
	Recorder  events.EventRecorder
	Clock     clockwork.Clock

	Self     types.NamespacedName // the pod of this process, whose image drills run
	Parallel int                  // drills at once, in all clusters

	onlyConfigMaps bool // the cluster does not know the kind KafkaBackup

	starting sync.Mutex // held from the count of the drills to the next one's claim
	turns    turns
	ending   sync.Map // since when the claim of a cluster's drill is seen being deleted
}

var _ reconcile.Reconciler = &Reconciler{}

// Reconcile implements [reconcile.Reconciler].
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	again, err := r.reconcile(ctx, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("drills of cluster %s: %w", req, err)
	}
	return reconcile.Result{RequeueAfter: again}, nil
}

// reconcile returns when to reconcile again; 0: when something changes. A drill begins
// only when nothing is left of the one before.
func (r *Reconciler) reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	running, err := r.drillClaims(ctx, key.Namespace, client.MatchingLabels(map[string]string{v1alpha1.LabelDrill: key.Name}))
	if err != nil {
		return 0, err
	}
	left, err := r.removeLonePods(ctx, key, running)
	if err != nil {
		return 0, err
	}
	if len(running)+left == 0 {
		r.ending.Delete(key)
		return r.begin(ctx, key)
	}
	seen, err := r.look(ctx, r.Client, key)
	if err == nil && seen.lost != "" { // the cache may have the last run, and not yet its claims
		seen, err = r.look(ctx, r.APIReader, key)
	}
	if err != nil {
		return 0, err
	}
	stuck := 0
	for i := range running {
		if err := r.carryOn(ctx, seen, &running[i]); err != nil {
			return 0, err
		}
		if r.isStuck(ctx, key, seen, &running[i]) {
			stuck++
		}
	}
	if stuck > 0 && stuck == len(running) {
		return resync, nil
	}
	return waitForStep, nil
}

// Add adds the reconciler to a manager. It asks the apiserver which kinds there are.
func (r *Reconciler) Add(m manager.Manager) (err error) {
	if r.onlyConfigMaps, err = lacksKafkaBackups(r.Mapper); err != nil {
		return err
	}
	drills := func(_ context.Context, o client.Object) []reconcile.Request {
		if !isOurs(o) {
			return nil
		}
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetLabels()[v1alpha1.LabelDrill]}}}
	}
	b := ctrl.NewControllerManagedBy(m).Named("drills").
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
			return requestFor(snapshots.UncheckedBackup(o.(*corev1.ConfigMap)))
		})).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(drills)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(drills)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, time.Minute),
		})
	if r.onlyConfigMaps {
		err = m.Add(r.awaitKind())
	} else {
		b = b.Watches(&v1alpha1.KafkaBackup{}, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
			backup, _ := snapshots.NewBackup(o.(*v1alpha1.KafkaBackup)) // a mistake in it is not about which cluster it is of
			return requestFor(backup)
		}))
	}
	if err := errors.Join(err, b.Complete(r)); err != nil {
		return fmt.Errorf("set up the controller of drills: %w", err)
	}
	return nil
}

func requestFor(b snapshots.Backup) []reconcile.Request {
	if b.Cluster == "" || len(validation.IsValidLabelValue(snapshots.LabelValue(b.Cluster))) > 0 { // a mistake in a ConfigMap
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: b.Namespace, Name: snapshots.LabelValue(b.Cluster)}}}
}
