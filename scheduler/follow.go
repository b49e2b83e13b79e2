package scheduler

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/follow"
	"github.com/snapback-dev/snapback/snapshots"
)

// followRestores follows the restored brokers in Kafka. Answers of Kafka cause
// another reconciliation.
func (r *Reconciler) followRestores(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) {
	defer r.figures.observeFollowed(kb)
	if r.kafka.Connect == nil {
		return
	}
	f := follow.Follower{Kafka: clusterOf{&r.kafka, kb.DeepCopy()}, Live: r.APIReader, Recorder: r.Recorder, Answers: &r.answers}
	f.Follow(ctx, kb, follow.Seen{Claims: seen.claims, Own: seen.own,
		Role: func(c claims.Claim) snapshots.Role { return r.role(ctx, seen.backup, c) }}, r.Clock.Now())
}

// clusterOf is the running Kafka cluster of a KafkaBackup. Questions about restores
// have connections of their own: they do not hold up an observation.
type clusterOf struct {
	watch *kafkaWatch
	kb    *v1alpha1.KafkaBackup
}

// Observed implements [follow.Kafka].
func (c clusterOf) Observed(key types.NamespacedName) (*kafka.Observation, bool) {
	last := c.watch.State(key).Last
	return last, last != nil
}

// Ask implements [follow.Kafka].
func (c clusterOf) Ask(_ types.NamespacedName, do func(kafka.Cluster) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), connectLimit)
	defer cancel()
	cluster, err := c.watch.Connect(ctx, c.kb)
	if err != nil {
		return err
	}
	defer cluster.Close()
	return do(cluster)
}

// connectLimit is the limit for reading the Secrets and connecting.
const connectLimit = 30 * time.Second

// wakeForAnswers makes answers of Kafka cause a reconciliation, until the term is
// over.
func (r *Reconciler) wakeForAnswers(ctx context.Context) {
	r.answers.Wake = func(key types.NamespacedName) {
		r.lookAtNamed(ctx, key)
	}
}

// followed are the figures of the restores that Kafka was asked about.
type followed struct {
	gone    float64 // records
	away    float64 // restores whose broker is not in sync yet
	took    float64 // seconds, of the last restored broker that is in sync
	known   bool    // any restore has a report
	counted bool    // the gone records of any restore are known
	synced  bool    // any broker is in sync
}

// followedIn returns the figures of the restores in a status, the newest first.
func followedIn(all []v1alpha1.RestoreStatus) (f followed) {
	for _, restore := range all {
		k := restore.Kafka
		if k == nil {
			continue
		}
		f.known = true
		if k.InSyncTime == nil && k.ReportedTime == nil {
			f.away++
		}
		if k.RecordsGone != nil {
			f.gone, f.counted = f.gone+float64(*k.RecordsGone), true
		}
		if k.InSyncTime != nil && !f.synced {
			f.took, f.synced = k.InSyncTime.Sub(restore.RequestedTime.Time).Seconds(), true
		}
	}
	return f
}
