package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/follow"
	"github.com/snapback-dev/snapback/scheduler/origin"
	"github.com/snapback-dev/snapback/scheduler/prune"
	"github.com/snapback-dev/snapback/scheduler/turns"
	"github.com/snapback-dev/snapback/scheduler/verify"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

// resync is how often a KafkaBackup is reconciled without a change. Retention
// ends as time passes, and no object changes then.
const resync = 30 * time.Second

// resyncAwaited is resync while somebody waits for a restored broker.
const resyncAwaited = 12 * time.Second

// lookTimeout is the limit for one reconciliation, without pruning. A call that
// hangs must not keep its KafkaBackup from being looked at for ever.
const lookTimeout = 2 * time.Minute

// pruneTimeout is the limit for the pruning of one reconciliation. The next
// reconciliation of the KafkaBackup waits for its end.
const pruneTimeout = time.Minute

// workers is how many KafkaBackups are reconciled at the same time. The state
// that the [Reconciler] shares between them has locks.
const workers = 32

// Reconciler keeps the jobs, the status and the pruning of KafkaBackups in line
// with the cluster, for one term of leadership.
type Reconciler struct {
	Client    client.Client // reads from a cache
	APIReader client.Reader // reads from the apiserver
	Mapper    meta.RESTMapper
	Recorder  events.EventRecorder
	Clock     clockwork.Clock
	History   *history.Recorder // nil: nobody records what is done

	KeepContents bool // no VolumeSnapshotContent is set from Retain to Delete
	Drills       bool // see [Scheduler.Drills]

	watched *watched.Snapshots
	began   time.Time // of the term

	kinds kinds // the kinds that the cluster lacks, for this term

	aside    aside
	jobs     *jobs
	memory   verify.Memory
	origins  origin.Memory
	answers  follow.Answers
	progress progress
	creates  creates
	turns    storageTurns
	figures  termFigures
	roles    roles

	configMaps heldBackups
	templates  keptTemplates
	kafka      kafkaWatch
	traces     traces

	wake chan event.GenericEvent // KafkaBackups whose run has ended
}

var _ reconcile.Reconciler = &Reconciler{}

// Reconcile implements [reconcile.Reconciler]. A mistake in a spec is no error:
// the Ready condition reports it, and only its author can correct it.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	return r.aside.do(ctx, req.NamespacedName, func() (reconcile.Result, error) {
		again, err := r.reconcile(ctx, req)
		if ctx.Err() != nil { // the term is over: what that has broken off is no error, and the next leader looks
			return reconcile.Result{}, nil //nolint:nilerr // as above
		}
		if err != nil {
			return reconcile.Result{}, err
		}
		r.figures.looked(req.NamespacedName, r.Clock.Now())
		return reconcile.Result{RequeueAfter: again}, nil
	})
}

// reconcile returns when to reconcile again; 0: when something changes.
func (r *Reconciler) reconcile(parent context.Context, req reconcile.Request) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(parent, lookTimeout)
	defer cancel()
	kb, mistake, err := r.read(ctx, req.NamespacedName)
	if apierrors.IsNotFound(err) { // the KafkaBackup is gone; its snapshots stay
		r.figures.remove(req.NamespacedName)
		r.roles.remove(req.NamespacedName)
		r.kafka.forget(req.NamespacedName)
		r.answers.Forget(req.NamespacedName)
		r.origins.Forget(req.NamespacedName)
		r.turns.Changed(req.NamespacedName, "")
		if r.kinds.withoutSnapshots() != nil {
			return 0, nil
		}
		return 0, errors.Join(r.jobs.remove(req.NamespacedName), r.spareAll(ctx, req.NamespacedName))
	}
	if err != nil {
		return 0, fmt.Errorf("read kafkabackup %s: %w", req, err)
	}
	var shadowErr error
	if !snapshots.IsConfigMap(kb) {
		shadowErr = r.shadow(ctx, req.NamespacedName)
	}
	before := kb.DeepCopy()
	kb.Status = plausible(kb.Status, kb.CreationTimestamp.Time, r.Clock.Now())
	if missing := r.kinds.withoutSnapshots(); missing != nil {
		setReady(kb, unready(missing))
		return resync, r.writeStatus(ctx, before, kb)
	}
	if problem := r.schedule(ctx, kb, mistake); problem != nil && !errors.As(problem, &mistake) {
		return 0, problem
	}
	seen, err := r.look(ctx, kb)
	if err != nil {
		return r.unseen(ctx, before, kb, err)
	}
	r.turns.Saw(turns.Seen{Backup: req.NamespacedName, Own: seen.own}, r.Clock.Now())
	r.progress.looked(req.NamespacedName)
	good := r.good(ctx, seen)
	r.figures.observeGood(kb, seen.included, good) // before all figures count as observed
	r.updateStatus(kb, seen, mistake)
	r.tellMistake(before, kb, mistake)
	originErr := r.corrector().Correct(ctx, kb, seen.forCorrecting(), r.Clock.Now())
	verifyErr := r.verify(ctx, kb, seen)
	e := examination{Reconciler: r, kb: kb, seen: seen, now: r.Clock.Now()}
	e.unproven, e.unprovenErr = r.verifier().FollowLineages(ctx, kb, seen.forVerifying(), e.now)
	standingErr := e.keepStanding(ctx)
	r.prove(ctx, before.Status, kb, seen, good)
	kafkaErr := r.observeKafka(ctx, kb, seen, good)
	r.followRestores(ctx, kb, seen)
	r.trace(ctx, before, kb, seen)
	statusErr := r.writeStatus(ctx, before, kb)
	again, err := r.tidy(parent, kb, seen)
	r.keepRecords(parent, kb, seen, good)
	if r.kafka.Connect != nil && kb.Spec.Kafka != nil && follow.Awaited(kb.Status.Restores, r.Clock.Now()) {
		again = min(again, resyncAwaited)
	}
	return again, errors.Join(shadowErr, originErr, verifyErr, standingErr, kafkaErr, statusErr, err)
}

// unseen tells people why a KafkaBackup cannot be looked at, if the cluster has lost the
// kind VolumeSnapshot during the term. Any other error is returned.
func (r *Reconciler) unseen(ctx context.Context, before, kb *v1alpha1.KafkaBackup, err error) (time.Duration, error) {
	var missing *specError
	if !errors.As(err, &missing) {
		return 0, err
	}
	setReady(kb, unready(missing))
	return resync, r.writeStatus(ctx, before, kb)
}

// updateStatus brings the status of the KafkaBackup up to date. It does not send
// it to the apiserver.
func (r *Reconciler) updateStatus(kb *v1alpha1.KafkaBackup, seen view, mistake *specError) {
	state := r.jobs.state(client.ObjectKeyFromObject(kb))
	o := observed{missed: state.missed, runNow: state.answered, last: state.last, own: seen.own, included: seen.included, live: claims.Volumes(seen.claims)}
	if !state.next.IsZero() {
		o.next = &state.next
	}
	completedBefore := completion(kb.Status)
	kb.Status = newStatus(kb.Status, kb.Generation, o, r.Clock.Now())
	r.figures.observe(kb, seen, state, r.Clock.Now())
	setReady(kb, r.checkTurns(checkRuns(readiness(kb, seen, state, mistake), kb, state, r.Clock.Now()), kb))
	if last := kb.Status.LastRun; completion(kb.Status).After(completedBefore) {
		r.Recorder.Eventf(kb, nil, corev1.EventTypeNormal, v1alpha1.EventSnapshotsReady, actionSnapshot,
			"%d snapshots of the run of %s are ready, cut within %s", last.Ready, last.ScheduledTime.UTC().Format(time.RFC3339), last.Skew)
	}
}

// verify verifies the restores, and stores the findings for the metrics.
func (r *Reconciler) verify(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) error {
	result, err := r.verifier().Verify(ctx, kb, seen.forVerifying(), r.Clock.Now())
	r.figures.observeRestores(client.ObjectKeyFromObject(kb), result)
	return err
}

func (r *Reconciler) verifier() *verify.Verifier {
	return &verify.Verifier{Client: r.Client, APIReader: r.APIReader, Recorder: r.Recorder, Memory: &r.memory, History: r.History}
}

func (r *Reconciler) corrector() *origin.Corrector {
	return &origin.Corrector{Client: r.Client, APIReader: r.APIReader, Recorder: r.Recorder, Memory: &r.origins}
}

// tidy prunes the snapshots. It returns when to reconcile again.
func (r *Reconciler) tidy(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, pruneTimeout)
	defer cancel()
	from := r.Clock.Now()
	result, err := r.pruner().Tidy(ctx, kb, seen.forPruning())
	r.tracePrune(kb, from, result.Pruned, result.Left, err)
	if result.Pruned > 0 || result.Left > 0 {
		r.figures.update(client.ObjectKeyFromObject(kb), func(f *figures) {
			f.pruned += float64(result.Pruned)
			f.left += float64(result.Left)
		})
	}
	if result.Next == 0 {
		return resync, err
	}
	return min(result.Next, resync), err
}

func (r *Reconciler) pruner() *prune.Pruner {
	return &prune.Pruner{Client: r.Client, APIReader: r.APIReader, Recorder: r.Recorder, Clock: r.Clock, KeepContents: r.KeepContents, History: r.History, Led: r.Clock.Since(r.began)}
}

// spareAll takes the marks for pruning off the snapshots of a KafkaBackup that
// is gone: they stay.
func (r *Reconciler) spareAll(ctx context.Context, backup types.NamespacedName) error {
	own, err := r.taken().own(backup)
	if err != nil {
		return err
	}
	r.turns.Saw(turns.Seen{Backup: backup, Own: own.All}, r.Clock.Now())
	return r.pruner().Spare(ctx, backup.Namespace, prune.Marked(own.All, r.Clock.Now()))
}

func (r *Reconciler) namespace(ctx context.Context, name string) (corev1.Namespace, error) {
	var namespace corev1.Namespace
	if err := r.Client.Get(ctx, types.NamespacedName{Name: name}, &namespace); err != nil {
		return namespace, fmt.Errorf("read namespace %s: %w", name, err)
	}
	return namespace, nil
}
