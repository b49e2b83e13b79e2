package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// restoredKafka has lost what partition 0 of orders had from an offset on.
type restoredKafka struct {
	*runningKafka
	from int64
}

func (k restoredKafka) EpochEnds(context.Context, map[kafka.TopicPartition]int32) (map[kafka.TopicPartition]int64, error) {
	return map[kafka.TopicPartition]int64{{Topic: "orders"}: k.from}, nil
}

func (k restoredKafka) Committed(context.Context) (map[string]map[kafka.TopicPartition]int64, error) {
	return map[string]map[kafka.TopicPartition]int64{"billing": {{Topic: "orders"}: 1100}}, nil
}

func (k restoredKafka) OpenTransactions(context.Context, []kafka.TopicPartition) ([]kafka.Transaction, error) {
	return nil, nil
}

// A restored broker is followed, while Kafka is away and by the next leader, until
// it is in sync. Then the status says what is gone.
func TestRestoredBrokerIsFollowed(t *testing.T) {
	f := newFixture(t)
	pvc := f.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	f.clock = clockwork.NewFakeClockAt(pvc.CreationTimestamp.Add(time.Second).UTC())
	running := restoredKafka{&runningKafka{clock: f.clock, end: 1000}, 900}
	f.connect = func(context.Context, *v1alpha1.KafkaBackup) (kafka.Cluster, error) { return running, nil }
	stop := f.start()
	kb := f.backup(hourly().Schedule("@every 2s").Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Kafka = &v1alpha1.KafkaAccess{BootstrapServers: "kafka:9092"} }))
	l := &lostVolume{fixture: f, stop: stop, backup: kb, run: f.runNext(kb)}
	l.snapshot = f.snapshots()[0].Name
	running.becomes(0, errors.New("it does not answer"))
	f.delete(pvc)
	f.eventually(func(context.Context) error { // the apiserver's clock, which claims are dated by, is a real one
		if observed := f.clock.Now(); time.Now().Before(observed.Add(time.Second)) {
			return fmt.Errorf("it is not %s yet", observed)
		}
		return nil
	})
	l.again(cluster.StorageClass)
	f.until(kb, "the restore is followed", func(s v1alpha1.KafkaBackupStatus) bool {
		return len(s.Restores) == 1 && s.Restores[0].Kafka != nil && s.Restores[0].Kafka.InSyncTime == nil
	})
	l.stop()
	l.stop = f.start()
	running.becomes(900, nil)
	f.clock.Advance(2 * time.Minute)
	f.lookAgain(kb)
	status := f.until(kb, "the report", func(s v1alpha1.KafkaBackupStatus) bool {
		k := s.Restores[0].Kafka
		return k != nil && k.ReportedTime != nil
	})
	got := status.Restores[0].Kafka
	if got.RecordsGone == nil || *got.RecordsGone != 100 || got.Exactness != "AtMost" || got.InSyncTime == nil || len(got.GroupsBeyondEnd) != 1 {
		t.Errorf("report %+v", got)
	}
	f.once(kb, v1alpha1.EventRestoreReported)
}
