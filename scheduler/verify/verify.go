// Package verify checks afterwards where the data of a cluster's claims came
// from. It reports what is wrong, and completes the restores that succeeded.
//
// The pure functions of judge.go and restores.go decide what is wrong. The
// [Verifier] reads their input and reports their findings.
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
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/history"
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

// Verifier verifies the restores of KafkaBackups, for one term of leadership.
type Verifier struct {
	Client    Client
	APIReader client.Reader // reads from the apiserver
	Recorder  events.EventRecorder
	Memory    *Memory           // notes of the term
	History   *history.Recorder // nil: nobody records what is found
}

// Seen is what the cache has about a KafkaBackup.
type Seen struct {
	Backup   snapshots.Backup
	Claims   []claims.Claim                  // claims of its cluster
	Cluster  snapshots.Cluster               // input of the decisions about them
	Policies *claims.Policies                // of the claims
	Own      map[string][]snapshots.Snapshot // the KafkaBackup's snapshots, by their volumes' hashes
	Live     []corev1.PersistentVolumeClaim  // all claims of its namespace
	Noted    int                             // [Memory.NoteCount] before these were listed
}

// Result is the outcome of verifying.
type Result struct {
	Findings map[string]int // number of claims, by what is wrong with their data; nil: they could not be judged
	Restored int            // number of newly restored claims
}

// Verify judges the claims of a KafkaBackup. It reports what is wrong in Events
// on the claims and in the status.
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
	v.Memory.keep(kb.Namespace, seen.Live, seen.Noted)
	var errs []error
	for _, s := range news {
		if v.announce(kb, s) {
			result.Restored++
			log.FromContext(ctx).Info("claim was restored", "namespace", s.PVC.Namespace, "claim", s.PVC.Name, "uid", s.PVC.UID, "snapshot", snapshots.SourceOf(s.PVC))
		}
		if err := v.settle(ctx, kb, s); err != nil {
			errs = append(errs, err)
			unsettled(kb.Status.Restores, s)
		}
	}
	return result, errors.Join(errs...)
}

// subjects reads the input for judging the claims from the cache.
func (v *Verifier) subjects(ctx context.Context, seen Seen, now time.Time) ([]subject, error) {
	all := make([]subject, 0, len(seen.Claims))
	for _, c := range seen.Claims {
		s := subject{Claim: c, known: seen.Cluster, policies: seen.Policies, promoteAfter: seen.Backup.PromoteAfter}
		if c.PVC.Status.Phase == corev1.ClaimBound {
			s.pv = &corev1.PersistentVolume{}
			if err := v.Client.Get(ctx, types.NamespacedName{Name: c.PVC.Spec.VolumeName}, s.pv, client.UnsafeDisableDeepCopy); err != nil {
				return nil, fmt.Errorf("read the persistentvolume of claim %s/%s: %w", c.PVC.Namespace, c.PVC.Name, err) // the cache may be behind
			}
		}
		if s.mayBeEmpty(now) {
			s.history, s.cluster = snapshots.Readable(seen.Cluster.Of(c.Volume)), seen.Own
		}
		v.optIn(&s)
		if s.restoring() {
			var err error
			if s.gone, err = v.sourceGone(ctx, s); err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// optIn sets whether the claim is opted in to restores, and whether it ever was
// opted out. The second is remembered: to let a broker start empty, people opt
// out for a while.
func (v *Verifier) optIn(s *subject) {
	in := s.asked()
	_, restored := s.PVC.Annotations[v1alpha1.AnnotationRestoredFrom]
	s.optedIn = in || restored
	if !in {
		v.Memory.note(s.PVC, string(v1alpha1.ReasonOptedOut))
	}
	s.optedOut = v.Memory.noted(s.PVC, string(v1alpha1.ReasonOptedOut))
}

// verified is the condition RestoresVerified. Its text is the same for the same
// findings. The provisioner's text may change, so only the Events have it.
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
