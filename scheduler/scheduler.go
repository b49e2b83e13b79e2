// Package scheduler takes and prunes the snapshots that KafkaBackups ask for.
//
// One replica leads at a time. Which runs were made, and which is next, is stored
// in the cluster only: in the status of the KafkaBackups and in the labels of
// the VolumeSnapshots. A new leader continues from there.
package scheduler

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/observe"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/watched"
	"github.com/snapback-dev/snapback/tracing"
)

// Scheduler runs the KafkaBackups while it holds the lease. It is a
// [manager.Runnable].
type Scheduler struct {
	Manager manager.Manager
	Clock   clockwork.Clock
	Lock    resourcelock.Interface

	KeepContents bool // stored data that a class retains is never deleted

	History *history.Recorder // of what is done; nil: nobody records it

	Connect observe.Connect // to a running Kafka cluster; nil: none is asked

	Drills bool // the component that carries out restore drills is installed

	Tracer *tracing.Tracer // of runs and restores; nil: nothing is traced

	SnapshotsIn string // the namespace whose snapshots are known; empty: all

	term    sync.Mutex // held for a term, which starts only when the last one has ended
	elected atomic.Bool
	watched atomic.Pointer[watched.Snapshots] // of the term; nil: none
}

var _ manager.Runnable = &Scheduler{}

// retryPeriod is how often a non-leader tries to acquire the lease.
const retryPeriod = 2 * time.Second

// Start leads whenever it holds the lease, until the context is done. After a
// lost lease it tries to acquire it again. The process does not exit, since a
// restart would take its pod's webhook out of service.
func (s *Scheduler) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.elect(ctx); err != nil {
			return err
		}
		select { // without a pause, terms that fail at once would follow each other at full speed
		case <-ctx.Done():
		case <-time.After(retryPeriod):
		}
	}
	return nil
}

// Elected reports whether a leader is known, this replica or another. If it is,
// the apiserver has answered.
func (s *Scheduler) Elected() bool { return s.elected.Load() }

// elect waits for the lease, and leads until the lease is lost or the term
// fails.
func (s *Scheduler) elect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            s.Lock,
		LeaseDuration:   15 * time.Second,
		RenewDeadline:   10 * time.Second,
		RetryPeriod:     retryPeriod,
		ReleaseOnCancel: true,
		Name:            "scheduler",
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				defer cancel() // a replica that does not work must not keep the lease
				if err := s.lead(ctx); err != nil && ctx.Err() == nil {
					log.FromContext(ctx).Error(err, "the term of leadership failed; trying again")
				}
			},
			OnStoppedLeading: func() {},
			OnNewLeader:      func(string) { s.elected.Store(true) },
		},
	})
	if err != nil {
		return fmt.Errorf("set up leader election: %w", err)
	}
	elector.Run(ctx)
	return nil
}

// lead runs one term of leadership. Each term has its own jobs and controller.
func (s *Scheduler) lead(ctx context.Context) error {
	s.term.Lock()
	defer s.term.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	known, err := s.lookForKinds()
	if err != nil {
		return err
	}
	if len(known.missing) > 0 {
		log.FromContext(ctx).Info("the cluster lacks kinds; looking for them again", "kinds", known.missing, "every", lookForKinds)
		go func() {
			s.awaitAnother(ctx, known)
			cancel() // the next term uses the new kinds
		}()
	}
	past, err := s.watch(known)
	if err != nil {
		return err
	}
	defer s.watched.Store(nil)
	r := &Reconciler{
		Client:    s.Manager.GetClient(),
		APIReader: s.Manager.GetAPIReader(),
		Mapper:    s.Manager.GetRESTMapper(),
		Recorder:  s.Manager.GetEventRecorder("snapback"),
		Clock:     s.Clock,
		History:   s.History,

		KeepContents: s.KeepContents,
		Drills:       s.Drills,

		traces:  traces{Tracer: s.Tracer},
		kinds:   known,
		watched: past,
		began:   s.Clock.Now(),

		wake: make(chan event.GenericEvent),
	}
	r.wakeForAnswers(ctx)
	jobs, err := newJobs(s.Clock, func(a attempt) { r.fire(ctx, a) })
	if err != nil {
		return err
	}
	defer func() {
		if err := jobs.gocron.Shutdown(); err != nil {
			log.FromContext(ctx).Error(err, "cannot stop the job scheduler; runs were interrupted")
		}
	}()
	r.jobs = jobs
	r.kafka.begin(r, s.Connect)
	defer r.kafka.Close()
	r.figures.begin(s.Clock, r.known)
	r.figures.turns = &r.turns.Turns
	defer theExporter.begin(&r.figures)()
	c, err := controller.NewUnmanaged("kafkabackup", controller.Options{
		Reconciler:              r,
		MaxConcurrentReconciles: workers,
		SkipNameValidation:      ptr.To(true), // each term has a controller of this name
		LogConstructor:          lookLogger,
	})
	if err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	for _, src := range r.sources(s.Manager) {
		if err := c.Watch(src); err != nil {
			return fmt.Errorf("set up the controller's watches: %w", err)
		}
	}
	defer func() { // no look may go on into the next term
		cancel()
		r.aside.all.Wait()
	}()
	return c.Start(ctx)
}

// lookLogger returns the logger of one look; nil: of the controller. A controller that is not the
// manager's has none of its own, and would say nothing.
func lookLogger(req *reconcile.Request) logr.Logger {
	if req == nil {
		return log.Log
	}
	return log.Log.WithValues("look", req.String()) // what looks log has its own "namespace"
}

// watch returns what will know the snapshots in a term; nil: the cluster lacks the
// kind.
func (s *Scheduler) watch(known kinds) (*watched.Snapshots, error) {
	if known.withoutSnapshots() != nil {
		return nil, nil //nolint:nilerr // looks report it
	}
	c, err := watched.NewClient(s.Manager)
	if err != nil {
		return nil, err
	}
	w := watched.NewSnapshots(c, snapshots.Snapshot.Watched, client.InNamespace(s.SnapshotsIn))
	s.watched.Store(w)
	return w, nil
}

// Synced returns an error while this replica leads and does not know all snapshots yet.
// One that does not lead knows none, and needs none.
func (s *Scheduler) Synced() error {
	if w := s.watched.Load(); w != nil {
		_, err := w.Known()
		return err
	}
	return nil
}

// sources are the changes that cause a reconciliation of a KafkaBackup.
func (r *Reconciler) sources(m manager.Manager) []source.Source {
	cache := m.GetCache()
	sources := []source.Source{
		source.Kind(cache, client.Object(&corev1.ConfigMap{}), &handler.EnqueueRequestForObject{}),
		source.Channel(r.wake, &handler.EnqueueRequestForObject{}),
	}
	if !r.kinds.onlyConfigMaps() {
		sources = append(sources, source.Kind(cache, client.Object(&v1alpha1.KafkaBackup{}), &handler.EnqueueRequestForObject{}))
	}
	if r.kinds.withoutSnapshots() != nil {
		return sources
	}
	return append(sources,
		changedSnapshots{r},
		source.Kind(cache, client.Object(&corev1.PersistentVolumeClaim{}), debounced(r.backupsOf)),
		source.Kind(cache, client.Object(&snapshotv1.VolumeSnapshotClass{}), handler.EnqueueRequestsFromMapFunc(r.backupsIn)),
		source.Kind(cache, client.Object(&admissionregistrationv1.MutatingWebhookConfiguration{}), handler.EnqueueRequestsFromMapFunc(r.backupsIn)),
	)
}

// backupsIn maps an object to the KafkaBackups of its namespace, and a
// cluster-scoped object to all KafkaBackups.
func (r *Reconciler) backupsIn(ctx context.Context, o client.Object) []reconcile.Request {
	all, err := r.backups(ctx, o.GetNamespace())
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list KafkaBackups; the next resync reconciles them", "namespace", o.GetNamespace())
		return nil
	}
	requests := make([]reconcile.Request, 0, len(all))
	for _, b := range all {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: b.Namespace, Name: b.Name}})
	}
	return requests
}
