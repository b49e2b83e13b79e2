package scheduler

import (
	"context"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/scheduler/follow"
	"github.com/snapback-dev/snapback/scheduler/observe"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/tracing"
)

// askLimit is how long a run waits for Kafka, whatever the number of its volumes.
const askLimit = 5 * time.Second

// kafkaWatch is what a term of leadership knows of running Kafka clusters.
type kafkaWatch struct {
	observe.Observer
	records observe.Records
	lives   observe.Lives
}

// begin sets how Kafka is asked. A KafkaBackup is looked at when its cluster has
// answered.
func (w *kafkaWatch) begin(r *Reconciler, connect observe.Connect) {
	w.Clock, w.Connect = r.Clock, connect
	w.Done = r.lookAtNamed
}

// lookAtNamed has the KafkaBackup of this name looked at.
func (r *Reconciler) lookAtNamed(ctx context.Context, key types.NamespacedName) {
	r.lookAt(ctx, &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}})
}

func (w *kafkaWatch) forget(key types.NamespacedName) {
	w.Forget(key)
	w.records.Forget(key)
	w.lives.Forget(key)
}

// kafkaFigures are the figures of a running Kafka cluster.
type kafkaFigures struct {
	seen  *v1alpha1.KafkaStatus // nil: it was not observed
	limit *int64                // of the records at risk; nil: none is set
}

func limitOf(kb *v1alpha1.KafkaBackup) *int64 {
	if kb.Spec.Kafka == nil {
		return nil
	}
	return kb.Spec.Kafka.MaxRecordsAtRisk
}

// observeKafka has Kafka observed when that is due, and brings the condition and
// the status in line with the last answer. An error is one of the apiserver: what
// Kafka does not answer holds up nothing.
func (r *Reconciler) observeKafka(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view, good map[string]snapshots.Snapshot) error {
	key := client.ObjectKeyFromObject(kb)
	r.kafka.Keep(ctx, kb, follow.Awaited(kb.Status.Restores, r.Clock.Now()))
	if kb.Spec.Kafka == nil || r.kafka.Connect == nil {
		r.kafka.forget(key)
		kb.Status.Kafka = nil
		meta.RemoveStatusCondition(&kb.Status.Conditions, v1alpha1.ConditionKafkaObserved)
		r.figures.update(key, func(f *figures) { f.kafka = kafkaFigures{limit: limitOf(kb)} })
		return nil
	}
	state := r.kafka.State(key)
	if c, ok := observe.Condition(state); ok {
		c.ObservedGeneration = kb.Generation
		meta.SetStatusCondition(&kb.Status.Conditions, c)
	}
	fresh := kb.Status.Kafka
	var err error
	if state.Last != nil {
		var records map[types.UID]*kafka.Record
		records, err = r.kafka.records.Of(ctx, r.APIReader, key, slices.Collect(maps.Values(good)))
		fresh = observe.StatusOf(state.Last, r.kafkaVolumes(ctx, seen, good, records))
		kb.Status.Kafka = observe.Newer(kb.Status.Kafka, fresh)
	}
	r.figures.update(key, func(f *figures) { f.kafka = kafkaFigures{fresh.DeepCopy(), limitOf(kb)} })
	return err
}

// kafkaVolumes are the volumes of the claims, with their roles and good snapshots.
func (r *Reconciler) kafkaVolumes(ctx context.Context, seen view, good map[string]snapshots.Snapshot, records map[types.UID]*kafka.Record) []observe.Volume {
	all := make([]observe.Volume, 0, len(seen.claims))
	for _, c := range seen.claims {
		v := c.Volume
		v.Role = r.role(ctx, seen.backup, c)
		s, ok := good[v.Hash()]
		all = append(all, observe.Volume{Volume: v, Snapshot: ok, Record: records[s.UID]})
	}
	return all
}

// observeForRun returns what Kafka says before a run; nil: it does not say
// anything. A run without it is better than none.
func (r *Reconciler) observeForRun(ctx context.Context, kb *v1alpha1.KafkaBackup) *kafka.Observation {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var span *tracing.Span
	if kb.Spec.Kafka != nil {
		asking, span = r.traces.Start(asking, tracing.SpanAsk)
	}
	o, err := r.kafka.ForRun(asking, kb)
	span.End(err)
	if err != nil {
		log.FromContext(ctx).Error(err, "Kafka did not answer at the run", "namespace", kb.Namespace, "kafkaBackup", kb.Name, "lastAnswerUsed", o != nil)
	}
	return o
}

// record adds to the tasks what Kafka said of their log dirs.
func record(ctx context.Context, tasks []task, o *kafka.Observation) {
	if o == nil {
		return
	}
	volumes := make([]snapshots.Volume, len(tasks))
	for i, t := range tasks {
		volumes[i] = t.Volume
	}
	places := observe.Places(o, volumes)
	for i := range tasks {
		t := &tasks[i]
		place, ok := places[t.Volume.Hash()]
		if !ok || t.skip != "" || t.made != "" || !o.At.After(t.PVC.CreationTimestamp.Time) { // the last: Kafka spoke of the volume before this one
			continue
		}
		said := place.Record(o)
		t.kafka = kafka.Encode(said)
		if written, err := kafka.Decode(t.kafka); err != nil || written.Omitted > 0 {
			log.FromContext(ctx).Info("not all partitions of the volume fit into its snapshot's annotation: what would be lost of the others is only known as at most",
				"namespace", t.PVC.Namespace, "claim", t.PVC.Name, "partitions", said.Len(), "leftOut", written.Omitted)
		}
	}
}
