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

// debounce is how long changes are collected before a KafkaBackup is reconciled.
// A run of 1,000 volumes causes thousands of changes to snapshots and claims.
const debounce = 500 * time.Millisecond

// debounced returns a handler that reconciles the KafkaBackups of changed objects
// once for many changes, at most [debounce] after the first one. It calls gone
// for each deleted object.
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

// changedSnapshot maps a snapshot to its KafkaBackup, but to none while a run of
// that KafkaBackup is creating snapshots: the end of the run causes a
// reconciliation anyway.
func (r *Reconciler) changedSnapshot(_ context.Context, o client.Object) []reconcile.Request {
	key := types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetAnnotations()[v1alpha1.AnnotationBackupName]}
	if r.progress.isCreating(key) {
		return nil
	}
	return []reconcile.Request{{NamespacedName: key}}
}
