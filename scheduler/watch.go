package scheduler

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// debounce is how long changes are collected before a KafkaBackup is reconciled.
// A run of 1,000 volumes causes thousands of changes to snapshots and claims.
const debounce = 500 * time.Millisecond

// debounced returns a handler that reconciles the KafkaBackups of changed objects
// once for many changes, at most [debounce] after the first one.
func debounced(backups handler.MapFunc) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	enqueue := func(ctx context.Context, o client.Object, q queue) {
		for _, request := range backups(ctx, o) {
			q.AddAfter(request, debounce)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { enqueue(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			enqueue(ctx, e.ObjectOld, q) // it may have been of other KafkaBackups
			enqueue(ctx, e.ObjectNew, q)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { enqueue(ctx, e.Object, q) },
	}
}

// backupsOf maps a claim to the KafkaBackups of its cluster, and to that of the snapshot
// that it is filled from. There may be a thousand others in its namespace.
func (r *Reconciler) backupsOf(ctx context.Context, o client.Object) []reconcile.Request {
	pvc, ok := o.(*corev1.PersistentVolumeClaim)
	if !ok {
		return r.backupsIn(ctx, o)
	}
	all, err := r.backups(ctx, pvc.Namespace)
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list KafkaBackups; the next resync reconciles them", "namespace", pvc.Namespace)
		return nil
	}
	var requests []reconcile.Request
	for _, b := range all {
		if len(claims.OfCluster([]corev1.PersistentVolumeClaim{*pvc}, b)) > 0 {
			requests = append(requests, reconcile.Request{NamespacedName: b.Key()})
		}
	}
	if known, err := r.taken().known(); err == nil {
		if of, ok := known.BackupOf(types.NamespacedName{Namespace: pvc.Namespace, Name: snapshots.SourceOf(pvc)}); ok {
			requests = append(requests, reconcile.Request{NamespacedName: of})
		}
	}
	return requests
}

// changedSnapshots is the source of the reconciliations that changed snapshots cause. It
// starts the watch of the snapshots.
type changedSnapshots struct{ r *Reconciler }

var _ source.SyncingSource = changedSnapshots{}

// Start implements [source.Source].
func (c changedSnapshots) Start(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	c.r.watched.Changed = func(backup types.NamespacedName) { c.r.changedSnapshot(backup, q) }
	go func() { _ = c.r.watched.Start(ctx) }() // it never fails
	return nil
}

// WaitForSync implements [source.SyncingSource]: no KafkaBackup is looked at before all
// snapshots are known.
func (c changedSnapshots) WaitForSync(ctx context.Context) error { return c.r.watched.WaitForSync(ctx) }

// changedSnapshot has the KafkaBackup of a changed snapshot looked at, once for many
// changes, but not while a run of it is creating snapshots: the end of the run causes a
// reconciliation anyway.
func (r *Reconciler) changedSnapshot(backup types.NamespacedName, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	if backup.Name != "" && !r.progress.isCreating(backup) {
		q.AddAfter(reconcile.Request{NamespacedName: backup}, debounce)
	}
}
