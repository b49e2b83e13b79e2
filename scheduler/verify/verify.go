// Package verify looks after the fact at where the data of a cluster's claims is
// from, says what is wrong, and follows what came right.
//
// What is wrong is decided by the pure functions of judge.go and restores.go. The
// [Verifier] reads and writes around them.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/marks"
	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
)

// Client reads from a cache, and marks snapshots.
type Client interface {
	client.Reader
	marks.Patcher
}

// Snapshots reads the snapshots of a claim's volume, whichever KafkaBackup they
// are of, out of a cache.
type Snapshots interface {
	// History lists those that can be read.
	History(context.Context, claims.Claim) ([]snapshots.Snapshot, error)

	// HistoryWithSpoilt lists also those that somebody has spoilt.
	HistoryWithSpoilt(context.Context, claims.Claim) ([]snapshots.Snapshot, error)
}

// Verifier verifies the restores of KafkaBackups, for one term of leadership.
type Verifier struct {
	Client    Client
	APIReader client.Reader // reads from the apiserver
	Recorder  events.EventRecorder
	Snapshots Snapshots
	Memory    *Memory // of the term
}

// Seen is what a KafkaBackup is seen to have.
type Seen struct {
	Backup  snapshots.Backup
	Claims  []claims.Claim       // of its cluster
	Cluster snapshots.Cluster    // what decisions about them are made of
	Own     []snapshots.Snapshot // the KafkaBackup's
}

// Result is what came of verifying.
type Result struct {
	Findings map[string]int // claims by what is wrong with their data; nil: they could not be judged
	Restored int            // claims that are news
}

// Verify judges the claims of a KafkaBackup, and says what is wrong on the claims
// and in the status.
func (v *Verifier) Verify(ctx context.Context, kb *v1alpha1.KafkaBackup, seen Seen, now time.Time) (Result, error) {
	all, err := v.subjects(ctx, seen, now)
	if err != nil {
		return Result{}, fmt.Errorf("verify the restores of kafkabackup %s/%s: %w", kb.Namespace, kb.Name, err)
	}
	found := findings(all, now)
	result := Result{Findings: Count(found)}
	var news []subject
	kb.Status.Restores, news = restores(kb.Status.Restores, all, now)
	meta.SetStatusCondition(&kb.Status.Conditions, verified(found, kb.Generation))
	for _, f := range found {
		v.warn(ctx, f)
	}
	var errs []error
	for _, s := range news {
		if v.announce(kb, s) {
			result.Restored++
		}
		if err := v.settle(ctx, kb, s); err != nil {
			errs = append(errs, err)
			unsettled(kb.Status.Restores, s)
		}
	}
	return result, errors.Join(append(errs, v.forget(ctx, kb.Namespace))...)
}

// subjects reads what it takes to judge the claims out of the cache.
func (v *Verifier) subjects(ctx context.Context, seen Seen, now time.Time) ([]subject, error) {
	cluster := byVolumes(seen.Own)
	all := make([]subject, 0, len(seen.Claims))
	for _, c := range seen.Claims {
		s := subject{Claim: c, known: seen.Cluster, promoteAfter: seen.Backup.PromoteAfter}
		if c.PVC.Status.Phase == corev1.ClaimBound {
			s.pv = &corev1.PersistentVolume{}
			if err := v.Client.Get(ctx, types.NamespacedName{Name: c.PVC.Spec.VolumeName}, s.pv); err != nil {
				return nil, fmt.Errorf("read the volume of claim %s: %w", c.PVC.Name, err) // the cache may be behind
			}
		}
		if s.mayBeEmpty(now) {
			var err error
			if s.history, err = v.Snapshots.History(ctx, c); err != nil {
				return nil, err
			}
			s.cluster = cluster
		}
		v.optIn(&s)
		all = append(all, s)
	}
	return all, nil
}

// byVolumes are the snapshots by their volume's hash.
func byVolumes(all []snapshots.Snapshot) map[string][]snapshots.Snapshot {
	volumes := map[string][]snapshots.Snapshot{}
	for _, s := range all {
		volumes[s.Volume] = append(volumes[s.Volume], s)
	}
	return volumes
}

// optIn tells whether people have asked for the claim's volume to be restored.
// That they had not is remembered: to let a broker start empty, they opt out
// for a while.
func (v *Verifier) optIn(s *subject) {
	in := s.asked()
	_, restored := s.PVC.Annotations[v1alpha1.AnnotationRestoredFrom]
	s.optedIn = in || restored
	if !in {
		v.Memory.note(s.PVC, string(v1alpha1.ReasonOptedOut))
	}
	s.optedOut = v.Memory.noted(s.PVC, string(v1alpha1.ReasonOptedOut))
}

// forget drops what was noted about claims that are gone.
func (v *Verifier) forget(ctx context.Context, namespace string) error {
	notes := v.Memory.noteCount()
	live, err := claims.List(ctx, v.Client, namespace)
	if err != nil {
		return err
	}
	v.Memory.keep(namespace, live, notes)
	return nil
}

// verified is the condition RestoresVerified. Its text is the same for the same
// findings: the provisioner's words, which may change, are left to the Events.
func verified(found []Finding, generation int64) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionRestoresVerified, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonVerified,
		Message: "No claim of the cluster lacks data that it should have been restored with", ObservedGeneration: generation}
	if len(found) == 0 {
		return c
	}
	c.Status, c.Reason = metav1.ConditionFalse, found[0].Reason
	said := make([]string, len(found))
	for i, f := range found {
		said[i] = fmt.Sprintf("%s of claim %s: %s", f.Reason, f.PVC.Name, f.Text)
	}
	c.Message = snapshots.FirstOf(said, texts.MaxNamed, "; ")
	return c
}
