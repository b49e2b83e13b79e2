package scheduler

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// debounce is how long changes gather before a KafkaBackup is looked at: a run of
// 1,000 volumes makes thousands, of snapshots and of claims.
const debounce = 500 * time.Millisecond

// debounced maps objects to KafkaBackups that are looked at once for many
// changes: no later than debounce after the first. What is gone is told.
func debounced(backups handler.MapFunc, gone ...func(client.Object)) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	enqueue := func(ctx context.Context, o client.Object, q queue) {
		for _, request := range backups(ctx, o) {
			q.AddAfter(request, debounce)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { enqueue(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) { enqueue(ctx, e.ObjectNew, q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			for _, forget := range gone {
				forget(e.Object)
			}
			enqueue(ctx, e.Object, q)
		},
	}
}

// changedSnapshot maps a snapshot to its KafkaBackup, unless a run of that one
// is creating snapshots: it is looked at when their creates are answered.
func (r *Reconciler) changedSnapshot(_ context.Context, o client.Object) []reconcile.Request {
	key := types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetAnnotations()[v1alpha1.AnnotationBackupName]}
	if r.progress.isCreating(key) {
		return nil
	}
	return []reconcile.Request{{NamespacedName: key}}
}
