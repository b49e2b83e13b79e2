package scheduler

import (
	"context"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/turns"
	"github.com/snapback-dev/snapback/snapshots"
)

// createTimeout is the limit for one create, with the apiserver's retries.
const createTimeout = 30 * time.Second

// create creates the VolumeSnapshot of one claim as soon as there is room for it among
// the creates of all runs, see snapshot.
func (r *Reconciler) create(ctx context.Context, turn *turns.Turn, there *present, t task, b snapshots.Backup, from snapshots.Cluster, scheduled time.Time) (name string, cut bool, err error) {
	ctx, span := r.traceCreate(ctx, t)
	defer func() { span.End(err) }()
	if err := r.creates.begin(ctx, turn, snapshots.Name(t.PVC.Name, b.Name, scheduled)); err != nil {
		return "", false, fmt.Errorf("no snapshot of claim %s was created: %w", t.PVC.Name, err)
	}
	defer r.creates.end()
	if err := there.check(ctx, t.PVC); err != nil { // only now: the wait may have been long
		return "", false, err
	}
	return r.snapshot(ctx, t, b, from, scheduled)
}

// snapshot creates the VolumeSnapshot of one claim and returns its name. If this
// run has created it before, it adopts that one, which may be cut already.
func (r *Reconciler) snapshot(ctx context.Context, t task, b snapshots.Backup, from snapshots.Cluster, scheduled time.Time) (name string, cut bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	policy, err := from.PolicyToday(t.PVC.Annotations)
	if err != nil {
		// The Ready condition says so. A backup without the opt-in is better than none.
		policy = nil
	}
	lineage, err := r.lineageOf(t.Claim, t.pv, b)
	if err != nil {
		return "", false, err
	}
	vs := snapshots.Stamp(t.Volume, t.PVC, t.pv, b, policy, lineage, scheduled)
	if t.kafka != "" {
		vs.Annotations[v1alpha1.AnnotationKafkaObserved] = t.kafka
	}
	err = r.Client.Create(ctx, vs)
	if apierrors.IsAlreadyExists(err) {
		cut, err := r.adopt(ctx, vs)
		return vs.Name, cut, err
	}
	if err != nil {
		return "", false, fmt.Errorf("create volumesnapshot %s/%s: %w", vs.Namespace, vs.Name, err)
	}
	return vs.Name, false, nil
}

// lineageOf returns the lineage of the data that the claim holds. It is judged
// by all snapshots of the volume, from all KafkaBackups.
func (r *Reconciler) lineageOf(c claims.Claim, pv *corev1.PersistentVolume, b snapshots.Backup) (snapshots.Lineage, error) {
	all, err := r.taken().of(c)
	if err != nil {
		return snapshots.Lineage{}, fmt.Errorf("find the lineage of %s: %w", c.Volume, err)
	}
	return c.Lineage(pv, all, b.PromoteAfter, r.Clock.Now()), nil
}

// adopt accepts an existing snapshot as one of this run if its labels say so, and
// reports whether it is cut.
func (r *Reconciler) adopt(ctx context.Context, want *snapshotv1.VolumeSnapshot) (cut bool, err error) {
	var have snapshotv1.VolumeSnapshot
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(want), &have); err != nil {
		return false, fmt.Errorf("read existing volumesnapshot %s/%s: %w", want.Namespace, want.Name, err)
	}
	for _, label := range []string{v1alpha1.LabelManagedBy, v1alpha1.LabelBackup, v1alpha1.LabelRun, v1alpha1.LabelVolume} {
		if have.Labels[label] != want.Labels[label] {
			return false, fmt.Errorf("volumesnapshot %s/%s exists and is not of this run (label %s is %q): delete it, or create it again under another name",
				want.Namespace, want.Name, label, have.Labels[label])
		}
	}
	return have.Status != nil && have.Status.CreationTime != nil, nil
}
