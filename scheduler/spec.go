package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// schedule brings the job of a KafkaBackup in line with its spec. If the spec has
// a mistake, it removes the job.
func (r *Reconciler) schedule(ctx context.Context, kb *v1alpha1.KafkaBackup, mistake *specError) error {
	r.turns.Changed(client.ObjectKeyFromObject(kb), version(kb))
	if mistake != nil {
		return r.jobs.remove(client.ObjectKeyFromObject(kb))
	}
	b, times, err := r.parse(ctx, kb)
	noClass := errors.As(err, &mistake) && mistake.reason == v1alpha1.ReasonClassNotFound
	switch {
	case err == nil || noClass:
	case errors.As(err, &mistake):
		return errors.Join(err, r.jobs.remove(client.ObjectKeyFromObject(kb)))
	default: // the job stays: a failed read says nothing about the spec
		return err
	}
	p := jobSpec{schedule: times, deadline: b.Deadline, suspended: b.Suspended, blocked: noClass}
	p.runNow, _ = askedRun(kb.Annotations, r.Clock.Now()) // checkRuns reports its mistakes
	if err = r.addMade(&p, b, int(kb.Status.Volumes)); err != nil {
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

// atLeast is the text before a number that may be higher in truth.
var atLeast = map[bool]string{true: "At least "}

// addMade adds to a spec which runs have snapshots, and which of them have fewer than there
// are volumes.
func (r *Reconciler) addMade(p *jobSpec, b snapshots.Backup, volumes int) error {
	own, err := r.taken().own(b.Key())
	if err != nil {
		return err
	}
	of := map[int64]int{}
	for i := range own.All {
		s := &own.All[i]
		of[s.Scheduled.Unix()]++
		if !s.Imported && s.Created.After(p.created) {
			p.created = s.Created
		}
	}
	p.made, p.partly = map[int64]bool{}, map[int64]bool{}
	for unix, n := range of {
		p.made[unix], p.partly[unix] = true, n < volumes
	}
	return nil
}

// specError is a mistake that only the author of the KafkaBackup can correct.
type specError struct {
	reason string
	err    error
}

func (e *specError) Error() string { return e.err.Error() }
func (e *specError) Unwrap() error { return e.err }

// parse reads the spec and finds its class. A mistake that its author must
// correct is a [specError].
func (r *Reconciler) parse(ctx context.Context, kb *v1alpha1.KafkaBackup) (snapshots.Backup, schedule.Schedule, error) {
	b, err := snapshots.NewBackup(kb)
	if err != nil {
		return b, schedule.Schedule{}, &specError{v1alpha1.ReasonInvalidSpec, err}
	}
	times, err := snapshots.Times(kb)
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
	r.turns.SetClass(class.Name, class.Driver, class.Annotations, r.Clock.Now())
	return b, times, nil
}
