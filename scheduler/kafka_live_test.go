package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
)

// runningKafka is a Kafka cluster of brokers 0 and 1. Only broker 0 is in sync.
type runningKafka struct {
	kafka.Cluster
	clock clockwork.Clock

	mu  sync.Mutex
	end int64
	err error
}

func (k *runningKafka) Close() {}

// becomes changes the answers.
func (k *runningKafka) becomes(end int64, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.end, k.err = end, err
}

func (k *runningKafka) Observe(context.Context) (*kafka.Observation, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return nil, k.err
	}
	return &kafka.Observation{At: k.clock.Now(), Brokers: []kafka.Broker{{ID: 0}, {ID: 1}},
		Topics: []kafka.Topic{{Name: "orders", Partitions: []kafka.Partition{{Replicas: []int32{0, 1}, ISR: []int32{0}, End: k.end}}}}}, nil
}

// newestFirst lists the snapshots of a claim.
func (f *fixture) newestFirst(claim string) (all []snapshotv1.VolumeSnapshot) {
	f.Helper()
	for _, vs := range f.snapshots() {
		if *vs.Spec.Source.PersistentVolumeClaimName == claim {
			all = append(all, vs)
		}
	}
	slices.SortFunc(all, func(a, b snapshotv1.VolumeSnapshot) int {
		return strings.Compare(b.Annotations[v1alpha1.AnnotationScheduledTime], a.Annotations[v1alpha1.AnnotationScheduledTime])
	})
	return all
}

// A run asks Kafka, and its snapshots carry the answer: the newest two of a volume.
// What is at risk is in the status. A Kafka that does not answer holds up nothing.
// What a lost volume had is written to its newest snapshot.
func TestRunAsksKafka(t *testing.T) {
	f := newFixture(t)
	running := &runningKafka{clock: f.clock, end: 100}
	f.connect = func(context.Context, *v1alpha1.KafkaBackup) (kafka.Cluster, error) { return running, nil }
	brokers := f.brokers(2)
	f.start()
	kb := f.backup(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Kafka = &v1alpha1.KafkaAccess{BootstrapServers: "kafka:9092"} }))
	f.until(kb, "what is at risk without a snapshot", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.Kafka != nil && s.Kafka.IfAllLost.Records == 100 && meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionKafkaObserved)
	})
	for n := range 3 {
		running.becomes(int64(200+n), nil)
		f.runNext(kb)
	}
	running.becomes(1202, nil)
	f.clock.Advance(2 * time.Minute)
	f.lookAgain(kb)
	f.until(kb, "what is at risk", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.Kafka.VolumesAtRisk == 1 && s.Kafka.AtRisk[0].Broker == "0" && s.Kafka.AtRisk[0].Message == "1,000 records of 1 partition (orders-0)"
	})
	carried := func(claim string, want ...int64) {
		t.Helper()
		f.eventually(func(context.Context) error {
			var got []int64
			for _, vs := range f.newestFirst(claim) {
				record, err := kafka.Decode(vs.Annotations[v1alpha1.AnnotationKafkaObserved])
				if err != nil {
					got = append(got, 0)
					continue
				}
				got = append(got, record.Topics[0].Partitions[0].End)
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("the snapshots of claim %s carry %v, want %v", claim, got, want)
			}
			return nil
		})
	}
	carried(brokers[0], 202, 201, 0)
	carried(brokers[1], kafka.NoOffset, kafka.NoOffset, 0) // it is not in sync

	running.becomes(0, errors.New("it does not answer"))
	f.runNext(kb)
	carried(brokers[0], 0, 202, 0, 0)
	f.lookAgain(kb)
	f.until(kb, "no answer", func(s v1alpha1.KafkaBackupStatus) bool {
		return meta.IsStatusConditionFalse(s.Conditions, v1alpha1.ConditionKafkaObserved)
	})

	if err := f.client.Delete(t.Context(), &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: brokers[0]}}); err != nil {
		t.Fatal(err)
	}
	f.eventually(func(context.Context) error {
		record, err := kafka.Decode(f.newestFirst(brokers[0])[0].Annotations[v1alpha1.AnnotationKafkaLastObserved])
		if err != nil {
			return err
		}
		if end := record.Topics[0].Partitions[0].End; end != 1202 {
			return fmt.Errorf("the last end is %d", end)
		}
		return nil
	})
}
