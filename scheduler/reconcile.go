package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// resync is how often a KafkaBackup is looked at without a change: retention
// runs out with time alone.
const resync = 30 * time.Second

// lookTimeout bounds one look, pruning apart: who hangs must not keep a worker
// for good.
const lookTimeout = 2 * time.Minute

// workers is how many KafkaBackups are looked at at once. What the [Reconciler]
// shares between them has locks.
const workers = 8

// Reconciler makes the jobs, the status and the pruning of KafkaBackups follow
// what the cluster says, for one term of leadership.
type Reconciler struct {
	Client    client.Client // reads from a cache, see [Indexes]
	APIReader client.Reader // reads from the apiserver
	Mapper    meta.RESTMapper
	Recorder  events.EventRecorder
	Clock     clockwork.Clock

	KeepContents bool // no VolumeSnapshotContent is set from Retain to Delete

	kinds kinds // what the cluster knows, for this term

	jobs     *jobs
	memory   memory
	progress progress
	parsed   parsed
	figures  termFigures
	roles    roles

	configMaps heldBackups
	templates  keptTemplates

	wake chan event.GenericEvent // KafkaBackups whose run has been answered
}

var _ reconcile.Reconciler = &Reconciler{}

// view is what a KafkaBackup is seen to have.
type view struct {
	backup  snapshots.Backup
	claims  []claim
	cluster snapshots.Cluster // with the snapshots of the claims' volumes, whichever KafkaBackup they are of
	inUse   map[string]bool   // snapshots that Pending claims of the namespace wait for
	taken   map[string]bool   // hashes of the volumes that runs are for
	own     []snapshots.Snapshot
}

// Reconcile implements [reconcile.Reconciler]. A mistake in a spec is reported
// in its Ready condition and is no error: only its author can mend it.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	again, err := r.reconcile(ctx, req)
	if err != nil {
		return reconcile.Result{}, err
	}
	r.figures.looked(req.NamespacedName, r.Clock.Now())
	return reconcile.Result{RequeueAfter: again}, nil
}

// reconcile returns when to look again; 0: when something changes.
func (r *Reconciler) reconcile(parent context.Context, req reconcile.Request) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(parent, lookTimeout)
	defer cancel()
	kb, mistake, err := r.read(ctx, req.NamespacedName)
	if apierrors.IsNotFound(err) { // its snapshots stay
		r.figures.remove(req.NamespacedName)
		r.roles.remove(req.NamespacedName)
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
		return 0, err
	}
	r.progress.looked(req.NamespacedName)
	r.updateStatus(kb, seen, mistake)
	r.tellMistake(before, kb, mistake)
	r.paused(kb)
	verifyErr := errors.Join(r.verify(ctx, kb, seen), r.foresee(ctx, kb, seen))
	r.sizes(ctx, kb, seen)
	r.figures.observeGood(kb, seen.taken, r.good(ctx, seen))
	verifyErr = errors.Join(verifyErr, r.lineages(ctx, kb, seen), r.pins(ctx, kb, seen), r.unreadable(ctx, kb))
	statusErr := r.writeStatus(ctx, before, kb)
	again, err := r.tidy(parent, kb, seen)
	return again, errors.Join(shadowErr, verifyErr, statusErr, err)
}

// schedule makes the job of a KafkaBackup what its spec says; none if that has
// a mistake.
func (r *Reconciler) schedule(ctx context.Context, kb *v1alpha1.KafkaBackup, mistake *specError) error {
	if mistake != nil {
		return r.jobs.remove(client.ObjectKeyFromObject(kb))
	}
	b, times, err := r.parse(ctx, kb)
	noClass := errors.As(err, &mistake) && mistake.reason == v1alpha1.ReasonClassNotFound
	switch {
	case err == nil || noClass:
	case errors.As(err, &mistake):
		return errors.Join(err, r.jobs.remove(client.ObjectKeyFromObject(kb)))
	default: // the job goes on: a failed read says nothing about the spec
		return err
	}
	p := plan{schedule: times, deadline: b.Deadline, suspended: b.Suspended, held: noClass}
	p.runNow, _ = askedRun(kb.Annotations, r.Clock.Now()) // its mistakes are told by checkRuns
	if p.made, p.partly, err = r.made(ctx, b, int(kb.Status.Volumes)); err != nil {
		return err
	}
	late, err := r.jobs.ensure(kb, p)
	if late.madeUp {
		r.Recorder.Eventf(kb, nil, corev1.EventTypeNormal, v1alpha1.EventMissedRunMadeUp, actionSchedule,
			"The run of %s was missed and is made up now", late.latest.UTC().Format(time.RFC3339))
	}
	if late.count > 0 {
		r.Recorder.Eventf(kb, nil, corev1.EventTypeWarning, v1alpha1.EventRunsMissed, actionSchedule,
			"%s%d runs were not started in time and are not made up", atLeast[late.more], late.count)
	}
	if noClass && err == nil {
		return mistake
	}
	return err
}

// atLeast is what is said before a number that may be greater.
var atLeast = map[bool]string{true: "At least "}

// made are the Unix times of the runs that a backup has snapshots of, and partly
// those of them that have fewer than there are volumes.
func (r *Reconciler) made(ctx context.Context, b snapshots.Backup, volumes int) (made, partly map[int64]bool, err error) {
	own, err := r.snapshotsOf(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	of := map[int64]int{}
	for _, s := range own {
		of[s.Scheduled.Unix()]++
	}
	made, partly = map[int64]bool{}, map[int64]bool{}
	for unix, n := range of {
		made[unix], partly[unix] = true, n < volumes
	}
	return made, partly, nil
}

// specError is a mistake that only the author of the KafkaBackup can mend.
type specError struct {
	reason string
	err    error
}

func (e *specError) Error() string { return e.err.Error() }
func (e *specError) Unwrap() error { return e.err }

// parse reads the spec. What its author must change is a [specError].
func (r *Reconciler) parse(ctx context.Context, kb *v1alpha1.KafkaBackup) (snapshots.Backup, schedule.Schedule, error) {
	b, err := snapshots.NewBackup(kb)
	if err != nil {
		return b, schedule.Schedule{}, &specError{v1alpha1.ReasonInvalidSpec, err}
	}
	times, err := schedule.Parse(kb.Spec.Schedule, kb.Spec.TimeZone, kb.CreationTimestamp.Time)
	if err != nil {
		return b, schedule.Schedule{}, &specError{v1alpha1.ReasonInvalidSpec, err}
	}
	var class snapshotv1.VolumeSnapshotClass
	err = r.Client.Get(ctx, types.NamespacedName{Name: b.Class}, &class)
	if apierrors.IsNotFound(err) {
		return b, times, &specError{v1alpha1.ReasonClassNotFound, fmt.Errorf(
			"spec.volumeSnapshotClassName: there is no VolumeSnapshotClass %q: create it, or name one that \"kubectl get volumesnapshotclass\" lists", b.Class)}
	}
	if err != nil {
		return b, times, fmt.Errorf("read volumesnapshotclass %s: %w", b.Class, err)
	}
	return b, times, nil
}

// look reads what the KafkaBackup has out of the cache.
func (r *Reconciler) look(ctx context.Context, kb *v1alpha1.KafkaBackup) (view, error) {
	b, _ := snapshots.NewBackup(kb) // its mistakes have been found by parse
	pvcs, err := listClaims(ctx, r.Client, b.Namespace)
	if err != nil {
		return view{}, err
	}
	all := clusterClaims(pvcs, b)
	own, err := r.snapshotsOf(ctx, b)
	if err != nil {
		return view{}, err
	}
	cluster, err := r.cluster(ctx, b, all...)
	if err != nil {
		return view{}, err
	}
	seen := view{backup: b, claims: all, cluster: cluster, inUse: pendingSources(pvcs), own: own}
	var taken []claim
	for _, c := range all {
		if !b.ExcludeQuorum || !b.Excludes(r.role(ctx, b, c)) { // roles may have to be asked for
			taken = append(taken, c)
		}
	}
	seen.taken = liveVolumes(taken)
	return seen, nil
}

// updateStatus writes what was seen into the object's status.
func (r *Reconciler) updateStatus(kb *v1alpha1.KafkaBackup, seen view, mistake *specError) {
	state := r.jobs.state(client.ObjectKeyFromObject(kb))
	o := observed{missed: state.missed, runNow: state.answered, last: state.last, own: seen.own, volumes: len(seen.taken), live: liveVolumes(seen.claims)}
	if !state.next.IsZero() {
		o.next = &state.next
	}
	completedBefore := completion(kb.Status)
	kb.Status = newStatus(kb.Status, kb.Generation, o, r.Clock.Now())
	r.figures.observe(kb, seen, state, r.Clock.Now())
	setReady(kb, checkRuns(readiness(kb, seen, state, mistake), kb, state, r.Clock.Now()))
	if last := kb.Status.LastRun; completion(kb.Status).After(completedBefore) {
		r.Recorder.Eventf(kb, nil, corev1.EventTypeNormal, v1alpha1.EventSnapshotsReady, actionSnapshot,
			"%d snapshots of the run of %s are ready, cut within %s", last.Ready, last.ScheduledTime.UTC().Format(time.RFC3339), last.Skew)
	}
}

// tidy deletes the snapshots that block a claim's deletion or have outlived
// their retention. It returns when to look again.
func (r *Reconciler) tidy(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, pruneTimeout)
	defer cancel()
	released, waiting, releaseErr := r.release(ctx, seen.backup, seen.claims, seen.own)
	pruned, again, pruneErr := r.prune(ctx, seen.backup, seen.claims, seen.own)
	if released > 0 {
		r.Recorder.Eventf(kb, nil, corev1.EventTypeWarning, v1alpha1.EventSnapshotAbandoned, actionPrune,
			"%d snapshots were given up before they were cut: their claims are being deleted", released)
	}
	if pruned > 0 {
		r.figures.update(client.ObjectKeyFromObject(kb), func(f *figures) { f.pruned += float64(pruned) })
		r.Recorder.Eventf(kb, nil, corev1.EventTypeNormal, v1alpha1.EventSnapshotsPruned, actionPrune, "%d snapshots have outlived their retention and were deleted", pruned)
	}
	if again == 0 || again > resync {
		again = resync
	}
	if waiting {
		again = min(again, contentSettles)
	}
	return again, errors.Join(releaseErr, pruneErr)
}
