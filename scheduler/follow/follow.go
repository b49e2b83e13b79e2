// Package follow follows restored brokers until Kafka has them in sync, and then
// reports what came back and what is gone.
//
// Its state is in the status and in annotations of snapshots, so that another
// leader goes on where the last one stopped. It never waits for Kafka: questions
// are asked beside the reconciliation, and a later one finds the answers.
package follow

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
)

const (
	action = "Follow" // the action that Events name

	// newsFor is the greatest age of a restore that is begun to be followed. What
	// an older one has lost is not told from what has happened since.
	newsFor = 24 * time.Hour

	// staleAfter is the age of an observation after which Kafka counts as not to be
	// asked. It is observed once a minute.
	staleAfter = 3 * time.Minute

	// patience is how long after a broker is in sync a report waits for the answers
	// about groups and transactions, which need rights of their own.
	patience = 10 * time.Minute

	maxEvent = 900 // bytes of the text in an Event, which holds 1024
)

// Kafka is the running Kafka cluster of a KafkaBackup.
type Kafka interface {
	// Observed returns the last observation; false: there is none yet.
	Observed(types.NamespacedName) (*kafka.Observation, bool)

	// Ask calls with a client of the cluster.
	Ask(types.NamespacedName, func(kafka.Cluster) error) error
}

// Follower follows the restores of KafkaBackups.
type Follower struct {
	Kafka    Kafka
	Live     client.Reader // reads snapshots from the apiserver
	Recorder events.EventRecorder
	Answers  *Answers // of one term of leadership
}

// Seen is what the cache has about a KafkaBackup.
type Seen struct {
	Claims []claims.Claim       // claims of its cluster
	Own    []snapshots.Snapshot // the KafkaBackup's snapshots

	Role func(claims.Claim) snapshots.Role // says the role of a claim's node; nil: the volume has it
}

func (s Seen) role(c claims.Claim) snapshots.Role {
	if s.Role == nil {
		return c.Volume.Role
	}
	return s.Role(c)
}

// Pending reports whether a restore is followed, and its report not made yet. Until
// then the records of what Kafka had are needed.
func Pending(r v1alpha1.RestoreStatus) bool {
	return r.Kafka != nil && r.Kafka.ReportedTime == nil
}

// awaitedFor is how long after a claim is bound somebody may wait for its broker.
const awaitedFor = time.Hour

// Awaited reports whether somebody may be waiting for a restored broker. Kafka is
// observed, and the KafkaBackup looked at, more often then.
func Awaited(all []v1alpha1.RestoreStatus, now time.Time) bool {
	return slices.ContainsFunc(all, func(r v1alpha1.RestoreStatus) bool {
		return Pending(r) && r.BoundTime != nil && now.Sub(r.BoundTime.Time) < awaitedFor
	})
}

// Follow brings the reports of a KafkaBackup's restores up to date, in its status.
func (f *Follower) Follow(ctx context.Context, kb *v1alpha1.KafkaBackup, seen Seen, now time.Time) {
	if kb.Spec.Kafka == nil {
		return
	}
	key := client.ObjectKeyFromObject(kb)
	var questions []question
	for i := range kb.Status.Restores {
		r := &kb.Status.Restores[i]
		if !begin(r, now) {
			continue
		}
		claim, ok := restored(r, seen.Claims)
		if !ok {
			r.Kafka.ReportedTime = second(now)
			r.Kafka.Message = "the claim is gone, or was made again, before the broker was in sync"
			continue
		}
		if !seen.role(claim).HoldsTopics() {
			r.Kafka = nil // it holds no partitions
			continue
		}
		broker, inSync := f.look(key, r, claim, seen, now)
		if !inSync {
			continue
		}
		if a, ok := f.Answers.take(key, claim.PVC.UID); ok && f.finish(ctx, kb, r, claim, a, now) {
			continue
		}
		if !f.Answers.due(key, now) {
			continue
		}
		before, err := f.lastRecord(ctx, kb.Namespace, recorded(seen.Own, claim.Volume.Hash()), r.RequestedTime.Time)
		var taken *kafka.Record
		if err == nil {
			taken, err = f.takenRecord(ctx, kb.Namespace, r.VolumeSnapshot)
		}
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot read what Kafka had before a restore; trying again", "namespace", kb.Namespace, "claim", claim.PVC.Name)
			continue
		}
		o, _ := f.Kafka.Observed(key)
		questions = append(questions, question{uid: claim.PVC.UID, broker: broker, before: before, taken: taken, then: o})
	}
	f.Answers.ask(f.Kafka, key, questions, now)
}

// begin begins to follow a restore that is new, and reports whether one is to be
// followed.
func begin(r *v1alpha1.RestoreStatus, now time.Time) bool {
	if r.Kafka == nil && r.BoundTime != nil && now.Sub(r.BoundTime.Time) < newsFor {
		r.Kafka = &v1alpha1.RestoreReport{}
	}
	return Pending(*r)
}

// restored returns the claim that was restored; false: it is gone.
func restored(r *v1alpha1.RestoreStatus, all []claims.Claim) (claims.Claim, bool) {
	for _, c := range all {
		if c.PVC.Name == r.PersistentVolumeClaim && r.RequestedTime.Equal(&c.PVC.CreationTimestamp) {
			return c, true
		}
	}
	return claims.Claim{}, false
}

// look sees how far a broker is, and writes that into the status.
func (f *Follower) look(key types.NamespacedName, r *v1alpha1.RestoreStatus, claim claims.Claim, seen Seen, now time.Time) (broker int32, inSync bool) {
	o, ok := f.Kafka.Observed(key)
	say := func(format string, args ...any) { r.Kafka.Message = fmt.Sprintf(format, args...) }
	switch {
	case !ok:
		say("Kafka could not be asked: the condition %s says why", v1alpha1.ConditionKafkaObserved)
		return 0, false
	case now.Sub(o.At) > staleAfter:
		say("Kafka could not be asked since %s: the condition %s says why", o.At.UTC().Format(time.RFC3339), v1alpha1.ConditionKafkaObserved)
		return 0, false
	case !o.At.After(r.BoundTime.Time):
		say("Kafka was not observed yet since the claim is bound")
		return 0, false
	}
	if earlier := another(claim, seen.Claims); earlier != "" {
		say("the earlier claim %s of the volume is still there: the broker may run on it", earlier)
		return 0, false
	}
	broker, ok = o.BrokerOf(claim.Volume.Node)
	if !ok {
		say("it is not known which of Kafka's brokers runs on %s", claim.Volume.Node)
		return 0, false
	}
	s := o.Sync(broker)
	r.Kafka.Broker, r.Kafka.Partitions, r.Kafka.InSync = ptr.To(broker), int32(s.Replicas), int32(caughtUp(s))
	if !s.Done() {
		say("%s", progress(s))
		return 0, false
	}
	if r.Kafka.InSyncTime == nil {
		r.Kafka.InSyncTime = second(o.At)
		say("broker %d is in sync; Kafka is asked what came back", broker)
	}
	return broker, true
}

// another names another claim of the same volume. An operator that lets the
// apiserver name its claims can make a new one while the old one is in use.
func another(claim claims.Claim, all []claims.Claim) string {
	for _, c := range all {
		if c.PVC.UID != claim.PVC.UID && c.Volume.Hash() == claim.Volume.Hash() {
			return c.PVC.Name
		}
	}
	return ""
}

// finish makes the report out of the answers. It returns false if they are not
// enough: the broker is asked about again.
func (f *Follower) finish(ctx context.Context, kb *v1alpha1.KafkaBackup, r *v1alpha1.RestoreStatus, claim claims.Claim, a answer, now time.Time) bool {
	waited := now.Sub(r.Kafka.InSyncTime.Time) > patience
	switch {
	case a.failed != nil:
		r.Kafka.Message = texts.FirstBytes(fmt.Sprintf("broker %d is in sync; Kafka could not be asked what came back: %s", a.Broker, access.Explain(a.failed).Message), maxEvent)
		return false
	case !a.Now.Sync(a.Broker).Done():
		r.Kafka.Message = progress(a.Now.Sync(a.Broker))
		return false
	case a.partly != nil && !waited:
		r.Kafka.Message = texts.FirstBytes(fmt.Sprintf("broker %d is in sync; Kafka did not answer all questions: %v", a.Broker, a.partly), maxEvent)
		return false
	}
	after := a.After()
	report(r.Kafka, after, a.partly)
	r.Kafka.ReportedTime = second(now)
	kind := corev1.EventTypeNormal
	if after.Problems() || a.partly != nil {
		kind = corev1.EventTypeWarning
	}
	log.FromContext(ctx).Info("restored broker is in sync", "namespace", kb.Namespace, "kafkaBackup", kb.Name, "claim", r.PersistentVolumeClaim, "uid", claim.PVC.UID,
		"broker", a.Broker, "partitions", r.Kafka.Partitions, "recordsGone", ptr.Deref(r.Kafka.RecordsGone, -1), "exactness", r.Kafka.Exactness, "text", r.Kafka.Message)
	f.Recorder.Eventf(kb, claim.PVC, kind, v1alpha1.EventRestoreReported, action, "%s",
		texts.FirstBytes(fmt.Sprintf("Claim %s: %s", r.PersistentVolumeClaim, r.Kafka.Message), maxEvent))
	return true
}

func second(t time.Time) *metav1.Time { return &metav1.Time{Time: t.UTC().Truncate(time.Second)} }
