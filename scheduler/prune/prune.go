// Package prune deletes the VolumeSnapshots that have outlived their retention,
// and those that block a claim's deletion.
//
// The pure functions of decide.go and content.go decide what to delete. The
// [Pruner] reads their input and carries out their decisions.
package prune

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/marks"
	"github.com/snapback-dev/snapback/snapshots"
)

// action is the action that Events name.
const action = "Prune"

// lookAgain is how long it may take to see what became of a deletion whose answer was lost.
const lookAgain = 2 * time.Second

// Writer is the part of a client that pruning writes with.
type Writer interface {
	Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error
	Delete(context.Context, client.Object, ...client.DeleteOption) error
}

// Clock returns the present time, which changes while pruning takes up to a
// minute.
type Clock interface{ Now() time.Time }

// Pruner prunes the snapshots of KafkaBackups. It has no state.
type Pruner struct {
	Client    Writer
	APIReader client.Reader // reads from the apiserver
	Recorder  events.EventRecorder
	Clock     Clock
	History   *history.Recorder // nil: nobody records what goes

	KeepContents bool // no VolumeSnapshotContent is set from Retain to Delete

	Led time.Duration // how long this scheduler has been the leader
}

// Result is the outcome of pruning. Its numbers are also correct when pruning
// ended with an error.
type Result struct {
	Pruned int           // deleted snapshots that had outlived their retention
	Left   int           // deleted snapshots whose stored data was left behind, since the class retains it
	Next   time.Duration // when to prune again; 0: there is nothing to wait for
}

// Tidy deletes the snapshots that block a claim's deletion or have outlived
// their retention.
func (p *Pruner) Tidy(ctx context.Context, kb *v1alpha1.KafkaBackup, seen Seen) (Result, error) {
	var released, pruned tally
	releaseErr := p.release(ctx, seen, &released)
	next, pruneErr := p.prune(ctx, kb, seen, &pruned)
	if n := released.deleted.Load(); n > 0 {
		p.Recorder.Eventf(kb, nil, corev1.EventTypeWarning, v1alpha1.EventSnapshotAbandoned, action,
			"%d snapshots that were not cut, or whose contents were lost, were deleted, since their claims are being deleted, gone or replaced", n)
	}
	if n := pruned.deleted.Load(); n > 0 {
		p.Recorder.Eventf(kb, nil, corev1.EventTypeNormal, v1alpha1.EventSnapshotsPruned, action, "%d snapshots had outlived their retention and were deleted", n)
	}
	switch {
	case pruned.waiting.Load():
		next = policyDelay
	case released.waiting.Load() && next > 0:
		next = min(next, policyDelay)
	case released.waiting.Load():
		next = policyDelay
	}
	return Result{Pruned: int(pruned.deleted.Load()), Left: int(released.left.Load() + pruned.left.Load()), Next: next}, errors.Join(releaseErr, pruneErr)
}

// tally counts the outcomes of several deletions that run at once.
type tally struct {
	deleted, left atomic.Int32
	waiting       atomic.Bool                     // a snapshot must be checked again soon
	rules         map[string]v1alpha1.HistoryRule // why snapshots go; nil: their claims are gone
}

// release deletes the snapshots that block the deletion of claims.
func (p *Pruner) release(ctx context.Context, seen Seen, t *tally) error {
	return marks.Each(blocking(seen), func(s snapshots.Snapshot) error { return p.giveUp(ctx, seen.Backup.Namespace, s, t) })
}

// giveUp deletes a snapshot that is still not cut, or lost, and would not be cut from the claim that
// it was created for. If that one terminates and its storage has begun already, the stored
// data goes too, whatever the class retains.
func (p *Pruner) giveUp(ctx context.Context, namespace string, seen snapshots.Snapshot, t *tally) error {
	vs, s, err := p.readAgain(ctx, namespace, seen)
	if err != nil {
		return err
	}
	if !stillBlocks(seen, s) { // the cache is behind
		t.waiting.Store(true)
		return nil
	}
	pvc, err := claims.Named(ctx, p.APIReader, namespace, ptr.Deref(vs.Spec.Source.PersistentVolumeClaimName, ""))
	if err != nil || stays(pvc, &s) { // the cache is behind
		return err
	}
	terminating := pvc != nil && !replaces(pvc, &s)
	if !s.Cut.IsZero() {
		if lost, err := p.isLost(ctx, vs, terminating); err != nil || !lost {
			return err
		}
	}
	if !terminating {
		content, err := p.contentOf(ctx, vs)
		if err != nil || s.Relabelled || begun(content, &s) {
			return err
		}
	}
	return p.delete(ctx, vs, s, t)
}

// begun reports whether the storage takes a snapshot of the very volume that it says,
// although its claim is gone.
func begun(content *snapshotv1.VolumeSnapshotContent, s *snapshots.Snapshot) bool {
	return content != nil && !s.IsOfAnother(ptr.Deref(content.Spec.Source.VolumeHandle, ""))
}

// prune marks the snapshots that have outlived their retention, and deletes those
// that were marked a minute ago. It returns when the next one can be deleted; 0:
// none is marked.
func (p *Pruner) prune(ctx context.Context, kb *v1alpha1.KafkaBackup, seen Seen, t *tally) (time.Duration, error) {
	now, namespace := p.Clock.Now(), seen.Backup.Namespace
	plan := holdBack(decide(seen, now), snapshots.PruneDelay-p.Led)
	mark := func(s snapshots.Snapshot) error { // its time is that of the write: the webhook has a minute from then on
		return marks.Set(ctx, p.Client, namespace, s, map[string]any{v1alpha1.AnnotationPruning: p.Clock.Now().UTC().Format(time.RFC3339)})
	}
	err := errors.Join(
		p.Spare(ctx, namespace, plan.Unmark),
		marks.Each(plan.Mark, mark),
	)
	if len(plan.Delete) > 0 {
		t.rules = seen.Backup.Retention.Rules(seen.Own, now)
	}
	return plan.Next, errors.Join(err, p.deleteMarked(ctx, kb, seen.Backup, plan.Delete, t))
}

// deleteMarked deletes the snapshots whose minute is over. Before that, it checks
// them with live reads from the apiserver.
func (p *Pruner) deleteMarked(ctx context.Context, kb *v1alpha1.KafkaBackup, b snapshots.Backup, due []snapshots.Snapshot, t *tally) error {
	if len(due) == 0 {
		return nil
	}
	stopped, err := p.stopped(ctx, kb)
	if err != nil {
		return err
	}
	pvcs, err := claims.List(ctx, p.APIReader, b.Namespace)
	if err != nil {
		return err
	}
	restoring := claims.Restoring(claims.OfCluster(pvcs, b))
	inUse := claims.PendingSources(pvcs)
	return marks.Each(due, func(s snapshots.Snapshot) error {
		return p.deleteOne(ctx, b.Namespace, s, stopped || inUse[s.Name], restoring, t)
	})
}

// stopped reports whether people have frozen the KafkaBackup, or deleted it, by the
// apiserver's word: the cache may not know it yet.
func (p *Pruner) stopped(ctx context.Context, kb *v1alpha1.KafkaBackup) (bool, error) {
	var list client.ObjectList = &v1alpha1.KafkaBackupList{}
	match := []client.ListOption{client.InNamespace(kb.Namespace), client.MatchingFields{"metadata.name": kb.Name}} // there may be a thousand others
	if snapshots.IsConfigMap(kb) {
		list, match = &corev1.ConfigMapList{}, append(match, client.MatchingLabels{v1alpha1.LabelConfigMap: v1alpha1.ValueTrue})
	}
	if err := p.APIReader.List(ctx, list, match...); err != nil {
		return false, fmt.Errorf("read whether the pruning of %s/%s is stopped: %w", kb.Namespace, kb.Name, err)
	}
	stopped := true
	err := meta.EachListItem(list, func(o runtime.Object) error {
		if now := o.(client.Object); now.GetName() == kb.Name && now.GetUID() == kb.UID {
			_, stopped = now.GetAnnotations()[v1alpha1.AnnotationFreeze]
		}
		return nil
	})
	return stopped, err
}

// deleteOne reads a marked snapshot again, and then unmarks or deletes it. If the cache is
// behind, or it may not go now, a later reconciliation decides.
func (p *Pruner) deleteOne(ctx context.Context, namespace string, seen snapshots.Snapshot, stay, notNow bool, t *tally) error {
	vs, s, err := p.readAgain(ctx, namespace, seen)
	if err != nil {
		return err
	}
	switch {
	case !stillDue(seen, s):
	case stay || s.Held:
		err = p.spareOne(ctx, namespace, s)
	case !notNow:
		return p.delete(ctx, vs, s, t)
	}
	if err == nil {
		t.waiting.Store(true)
	}
	return err
}

// readAgain reads a snapshot from the apiserver. For an unreadable one it returns
// the zero Snapshot, which is never deleted.
func (p *Pruner) readAgain(ctx context.Context, namespace string, seen snapshots.Snapshot) (*snapshotv1.VolumeSnapshot, snapshots.Snapshot, error) {
	var vs snapshotv1.VolumeSnapshot
	if err := p.APIReader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: seen.Name}, &vs); err != nil {
		return nil, snapshots.Snapshot{}, fmt.Errorf("read volumesnapshot %s/%s: %w", namespace, seen.Name, err)
	}
	s, err := snapshots.NewSnapshot(&vs)
	if err != nil {
		s = snapshots.Snapshot{}
	}
	return &vs, s, nil
}

// delete deletes a snapshot once its content is ready for that. A snapshot that
// has changed since it was read stays, for example one that was just held: the
// error is a conflict then.
func (p *Pruner) delete(ctx context.Context, vs *snapshotv1.VolumeSnapshot, s snapshots.Snapshot, t *tally) error {
	ready, left, err := p.dropContent(ctx, vs, s)
	if err != nil {
		return err
	}
	if !ready {
		t.waiting.Store(true)
		return nil
	}
	named := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: vs.Namespace, Name: vs.Name}}
	if err := p.Client.Delete(ctx, named, client.Preconditions{UID: &s.UID, ResourceVersion: ptr.To(s.ResourceVersion)}); err != nil && !p.wentAnyway(ctx, err, s, named) {
		return fmt.Errorf("delete volumesnapshot %s/%s: %w", vs.Namespace, vs.Name, err)
	}
	t.deleted.Add(1)
	if left {
		t.left.Add(1)
	}
	p.record(vs.Namespace, s, left, t)
	return nil
}

// wentAnyway reports whether a snapshot is gone, or going, although the answer to its
// deletion was lost, as when this scheduler stops: nobody else would record why it went.
func (p *Pruner) wentAnyway(ctx context.Context, err error, s snapshots.Snapshot, vs *snapshotv1.VolumeSnapshot) bool {
	if apierrors.ReasonForError(err) != metav1.StatusReasonUnknown && !apierrors.IsTimeout(err) && !apierrors.IsServerTimeout(err) {
		return false // the apiserver has refused it
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookAgain)
	defer cancel()
	var now snapshotv1.VolumeSnapshot
	err = p.APIReader.Get(ctx, client.ObjectKeyFromObject(vs), &now)
	return apierrors.IsNotFound(err) || err == nil && (now.UID != s.UID || now.DeletionTimestamp != nil)
}

// record records why a snapshot was deleted, and that its stored data was left behind.
func (p *Pruner) record(namespace string, s snapshots.Snapshot, left bool, t *tally) {
	rule := v1alpha1.RuleClaimGone
	if t.rules != nil {
		rule = t.rules[s.Name]
	}
	entry := s.Entry(namespace, v1alpha1.HistoryPruned, string(rule))
	if left {
		entry.Message = "the stored data was left behind, since the class retains it"
	}
	p.History.Record(entry)
}

// Spare removes the marks from snapshots that must stay after all.
func (p *Pruner) Spare(ctx context.Context, namespace string, marked []snapshots.Snapshot) error {
	return marks.Each(marked, func(s snapshots.Snapshot) error { return p.spareOne(ctx, namespace, s) })
}

// spareOne removes the mark from a snapshot. The mark goes last: if a step before
// it fails, the next reconciliation finds the mark and tries again.
func (p *Pruner) spareOne(ctx context.Context, namespace string, s snapshots.Snapshot) error {
	if err := p.keepContent(ctx, namespace, s.Name); err != nil {
		return err
	}
	return marks.Set(ctx, p.Client, namespace, s, map[string]any{v1alpha1.AnnotationPruning: nil})
}
