package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const nothingGone = "nothing is gone of what 2 partitions had at 2026-02-21T19:04:33Z"

func TestNothingLost(t *testing.T) {
	w := newWorld(t, 0)
	w.observe(1)
	w.follow()
	w.wantMessage(0, false, "broker 0 has not joined the cluster yet, or does not answer")
	w.observe(1, 0)
	w.kafka.observed.Topics[0].Partitions[1].ISR = []int32{1}
	w.follow()
	w.wantMessage(0, false, "broker 0 is in sync in 1 of 2 partitions")
	w.now = w.now.Add(time.Minute)
	w.observe(1, 0)
	w.follow()
	w.wantMessage(0, true, nothingGone)
	r := w.report(0)
	if !r.InSyncTime.Time.Equal(w.now) || *r.Broker != 0 || r.Partitions != 2 || r.InSync != 2 || *r.RecordsGone != 0 || r.Exactness != "Exactly" {
		t.Errorf("report %+v", r)
	}
	w.wantEvents("Normal RestoreReported Claim kafka-0: " + nothingGone)
	before, asked := *r, w.kafka.asked
	w.now = w.now.Add(time.Hour)
	w.observe(1)
	w.follow()
	if !r.ReportedTime.Equal(before.ReportedTime) || w.kafka.asked != asked {
		t.Error("a report that is made was made again")
	}
	w.wantEvents()
}

func TestLost(t *testing.T) {
	w := newWorld(t, 0)
	w.observe(0, 1)
	w.lose()
	tp := kafka.TopicPartition{Topic: "t", Partition: 0}
	w.kafka.committed = map[string]map[kafka.TopicPartition]int64{"g": {tp: 1100}}
	w.kafka.open = []kafka.Transaction{{TopicPartition: tp, ProducerID: 7, StartOffset: 990, Hanging: true}}
	w.follow()
	const words = "at most 200 records of 1 partition that were there at 2026-02-21T19:04:33Z are gone, and what was written from then until the loss; " +
		"groups have committed lost offsets in 1 partition; hanging: 1 transaction; the leader lacks records, or may, in 1 partition"
	w.wantMessage(0, true, words)
	w.wantEvents("Warning RestoreReported Claim kafka-0: " + words)
	got := fmt.Sprintf("%+v", *w.report(0))
	for _, want := range []string{"LostPartitions:[{Topic:t Partition:0 From:1000 To:1200 Exactness:AtMost}]", "GroupsBeyondEnd:[{Group:g Topic:t Partition:0 Committed:1100 End:1000",
		"HangingTransactions:[{Topic:t Partition:0 StartOffset:990 ProducerID:7}]", "UncleanLeaders:[{Topic:t Partition:0 Leader:0 Lost:true Down:[]}]", "PartitionsLost:1"} {
		if !strings.Contains(got, want) {
			t.Errorf("report %s, want %s", got, want)
		}
	}
}

func TestKafkaAway(t *testing.T) {
	const away = "Kafka could not be asked: the condition KafkaObserved says why"
	w := newWorld(t, 0)
	w.follow()
	w.wantMessage(0, false, away)
	w.observe(0, 1)
	w.now = w.now.Add(4 * time.Minute)
	w.follow()
	w.wantMessage(0, false, "Kafka could not be asked since 2026-02-21T19:06:33Z: the condition KafkaObserved says why")
	w.observe(0, 1)
	w.kafka.away = errAway
	w.follow()
	w.wantMessage(0, false, "broker 0 is in sync; Kafka could not be asked what came back: no broker answers")
	w.kafka.away = nil
	w.now = w.now.Add(askEvery)
	w.follow()
	w.wantMessage(0, true, nothingGone)
	if !w.report(0).InSyncTime.Time.Equal(w.kafka.observed.At) {
		t.Error("the time until it was in sync counts how long Kafka could not be asked")
	}
}

// TestNotObservedSince has Kafka observed before the broker was lost.
func TestNotObservedSince(t *testing.T) {
	w := newWorld(t, 0)
	w.now = lost.Add(-time.Second)
	w.observe(0, 1)
	w.now = lost.Add(time.Minute)
	w.follow()
	w.wantMessage(0, false, "Kafka was not observed yet since the claim is bound")
}

func TestAnotherLeader(t *testing.T) {
	w := newWorld(t, 0)
	w.observe(1)
	w.follow()
	w.restart()
	w.observe(0, 1)
	w.lose()
	w.follower.Follow(t.Context(), w.backup, w.seen, w.now)
	w.wantMessage(0, false, "broker 0 is in sync; Kafka is asked what came back")
	w.restart() // the answers are lost
	w.now = w.now.Add(time.Minute)
	w.follow()
	r := w.report(0)
	if r.ReportedTime == nil || *r.RecordsGone != 200 || !r.InSyncTime.Time.Equal(lost.Add(time.Minute)) {
		t.Errorf("report %+v", r)
	}
}

func TestTwoBrokers(t *testing.T) {
	w := newWorld(t, 0, 1)
	w.observe(0, 1)
	w.kafka.observed.Topics[0].Partitions[0].ISR = []int32{0}
	w.follow()
	w.wantMessage(0, false, "broker 1 is in sync in 1 of 2 partitions")
	w.wantMessage(1, true, nothingGone)
	w.now = w.now.Add(askEvery)
	w.observe(0, 1)
	w.follow()
	w.wantMessage(0, true, nothingGone)
	w.wantEvents("Normal RestoreReported Claim kafka-0: "+nothingGone, "Normal RestoreReported Claim kafka-1: "+nothingGone)
}

// TestLostAgain has a broker lost again before it is in sync.
func TestLostAgain(t *testing.T) {
	w := newWorld(t, 0)
	w.observe(1)
	w.follow()
	again := lost.Add(10 * time.Minute)
	w.seen.Claims = nil
	w.restore(0, again)
	w.now = again.Add(time.Minute)
	w.observe(1, 0)
	w.lose()
	w.follow()
	w.wantMessage(1, true, "the claim is gone, or was made again, before the broker was in sync")
	r := w.report(0)
	if r.ReportedTime == nil || *r.RecordsGone != 200 || !r.ObservedTime.Time.Equal(again.Add(-time.Minute)) {
		t.Errorf("report %+v", r)
	}
	if w.report(1).InSyncTime != nil {
		t.Error("the first restore never was in sync")
	}
}

// TestEarlierClaim has an operator make a new claim while the old broker runs.
func TestEarlierClaim(t *testing.T) {
	w := newWorld(t, 0)
	old := w.seen.Claims[0]
	old.PVC = old.PVC.DeepCopy()
	old.PVC.Name, old.PVC.UID, old.PVC.CreationTimestamp = "old", "old", metav1.Time{Time: lost.Add(-time.Hour)}
	w.seen.Claims = append(w.seen.Claims, old)
	w.observe(0, 1)
	w.follow()
	w.wantMessage(0, false, "the earlier claim old of the volume is still there: the broker may run on it")
}

// TestOutOfSyncAgain has the broker leave the ISR while Kafka is asked.
func TestOutOfSyncAgain(t *testing.T) {
	w := newWorld(t, 0)
	w.observe(1, 0)
	was := w.kafka.observed
	w.follower.Follow(t.Context(), w.backup, w.seen, w.now)
	w.follower.Answers.take(client.ObjectKeyFromObject(w.backup), w.seen.Claims[0].PVC.UID)
	w.now = w.now.Add(askEvery)
	w.follower.Answers.beside = func(do func()) {
		w.observe(1)
		do()
		w.kafka.observed = was
	}
	w.follow()
	w.wantMessage(0, false, "broker 0 has not joined the cluster yet, or does not answer")
}

// TestAnswersAtOnce has Kafka refuse at once, again and again. Each answer causes a
// reconciliation, which must not ask again at once.
func TestAnswersAtOnce(t *testing.T) {
	for name, fail := range map[string]func(*fakeKafka){
		"all":    func(k *fakeKafka) { k.away = context.DeadlineExceeded },
		"groups": func(k *fakeKafka) { k.groupError = errAway },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 0)
			fail(&w.kafka)
			w.observe(0, 1)
			for range 5 {
				w.follow()
			}
			if w.kafka.asked != 1 {
				t.Errorf("Kafka was asked %d times", w.kafka.asked)
			}
			if message := w.report(0).Message; name == "all" && !strings.HasSuffix(message, ": "+access.Explain(context.DeadlineExceeded).Message) {
				t.Errorf("message %q", message)
			}
			for range 5 {
				w.now = w.now.Add(askEvery)
				w.follow()
			}
			if w.kafka.asked != 6 {
				t.Errorf("Kafka was asked %d times", w.kafka.asked)
			}
		})
	}
}

func TestAwaited(t *testing.T) {
	bound := &metav1.Time{Time: lost}
	for name, c := range map[string]struct {
		restore v1alpha1.RestoreStatus
		after   time.Duration
		want    bool
	}{
		"followed":     {v1alpha1.RestoreStatus{BoundTime: bound, Kafka: &v1alpha1.RestoreReport{}}, time.Minute, true},
		"for long":     {v1alpha1.RestoreStatus{BoundTime: bound, Kafka: &v1alpha1.RestoreReport{}}, awaitedFor, false},
		"reported":     {v1alpha1.RestoreStatus{BoundTime: bound, Kafka: &v1alpha1.RestoreReport{ReportedTime: bound}}, time.Minute, false},
		"not followed": {v1alpha1.RestoreStatus{BoundTime: bound}, time.Minute, false},
	} {
		if got := Awaited([]v1alpha1.RestoreStatus{c.restore}, lost.Add(c.after)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestNoRightToGroups(t *testing.T) {
	w := newWorld(t, 0)
	w.kafka.groupError = errors.New("GROUP_AUTHORIZATION_FAILED")
	w.observe(1, 0)
	w.follow()
	w.wantMessage(0, false, "broker 0 is in sync; Kafka did not answer all questions: the offsets of groups: GROUP_AUTHORIZATION_FAILED")
	w.now = w.now.Add(patience + time.Second)
	w.observe(1, 0)
	w.follow()
	w.wantMessage(0, true, nothingGone+"; not known are the offsets of groups: GROUP_AUTHORIZATION_FAILED")
	if events := len(w.recorder.Events); events != 1 || !strings.HasPrefix(<-w.recorder.Events, "Warning") {
		t.Error("no warning that groups are not known")
	}
}

func TestRecords(t *testing.T) {
	w := newWorld(t, 0)
	claim := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("kafka-0")
	add := func(at time.Time, annotation, prefix string) {
		w.snapshot(claim, at, annotation, prefix+kafka.Encode(kafka.Record{At: at}))
	}
	add(lost.Add(time.Minute), v1alpha1.AnnotationKafkaObserved, "")
	add(lost.Add(-10*time.Minute), v1alpha1.AnnotationKafkaObserved, "")
	add(lost.Add(-time.Second), v1alpha1.AnnotationKafkaLastObserved, "?")
	hash := w.seen.Claims[0].Volume.Hash()
	tests := map[string]struct {
		own    []snapshots.Snapshot
		volume string
		want   time.Duration // before the claim; 0: none
	}{
		"the last":           {w.seen.Own, hash, time.Minute},
		"of the snapshot":    {w.seen.Own[1:], hash, 10 * time.Minute},
		"of another volume":  {w.seen.Own, "other", 0},
		"after the claim":    {w.seen.Own[1:2], hash, 0},
		"somebody's writing": {w.seen.Own[3:], hash, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := w.follower.lastRecord(t.Context(), w.backup.Namespace, recorded(tt.own, tt.volume), lost)
			if err != nil || (got == nil) != (tt.want == 0) || got != nil && !got.At.Equal(lost.Add(-tt.want)) {
				t.Errorf("%+v, %v, want one of %s before", got, err, tt.want)
			}
		})
	}
}

func TestTakenRecord(t *testing.T) {
	w := newWorld(t, 0)
	claim := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("kafka-0")
	w.snapshot(claim, lost.Add(-10*time.Minute), v1alpha1.AnnotationKafkaObserved, kafka.Encode(kafka.Record{At: lost.Add(-10 * time.Minute)}))
	name := w.seen.Own[len(w.seen.Own)-1].Name
	if got, err := w.follower.takenRecord(t.Context(), w.backup.Namespace, name); err != nil || got == nil || !got.At.Equal(lost.Add(-10*time.Minute)) {
		t.Errorf("the snapshot has %+v, %v", got, err)
	}
	if got, err := w.follower.takenRecord(t.Context(), w.backup.Namespace, "gone"); err != nil || got != nil {
		t.Errorf("a snapshot that is gone has %+v, %v", got, err)
	}
}

// TestSnapshotUnreadable has the apiserver fail: the report waits.
func TestSnapshotUnreadable(t *testing.T) {
	w := newWorld(t, 0)
	w.follower.Live = interceptor.NewClient(fake.NewClientBuilder().WithScheme(api.NewScheme()).Build(), interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errAway
		}})
	w.observe(0, 1)
	w.follow()
	w.wantMessage(0, false, "broker 0 is in sync; Kafka is asked what came back")
	w.restart()
	w.follow()
	w.wantMessage(0, true, nothingGone)
}

func TestNotFollowed(t *testing.T) {
	tests := map[string]func(*world){
		"without spec.kafka": func(w *world) { w.backup.Spec.Kafka = nil },
		"not bound":          func(w *world) { w.backup.Status.Restores[0].BoundTime = nil },
		"long ago":           func(w *world) { w.now = lost.Add(48 * time.Hour) },
		"a controller":       func(w *world) { w.seen.Claims[0].Volume.Role = snapshots.RoleController },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 0)
			change(w)
			w.observe(0, 1)
			w.follow()
			if got := w.backup.Status.Restores[0].Kafka; got != nil {
				t.Errorf("report %+v", got)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	many := make([]kafka.TopicPartition, 7)
	for n := range many {
		many[n] = kafka.TopicPartition{Topic: "t", Partition: int32(n)}
	}
	tests := map[string]kafka.Sync{
		"broker 2 has not joined the cluster yet, or does not answer":                                    {Broker: 2, Replicas: 9},
		"broker 2 is in sync in 8 of 9 partitions":                                                       {Broker: 2, Joined: true, Replicas: 9, Behind: many[:1]},
		"broker 2 is in sync in 8 of 9 partitions, about 1,235 MB to fetch":                              {Broker: 2, Joined: true, Replicas: 9, Behind: many[:1], Missing: 1_234_567_890},
		"broker 2 is in sync in 2 of 9 partitions; without a leader: t-0, t-1, t-2, t-3, t-4 and 2 more": {Broker: 2, Joined: true, Replicas: 9, Behind: many[:3], Leaderless: many},
		"broker 2 is in sync in 0 of 1 partition, about 1 MB to fetch; without a leader: t-0":            {Broker: 2, Joined: true, Replicas: 1, Behind: many[:1], Leaderless: many[:1], Missing: 1},
	}
	for want, s := range tests {
		if got := progress(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestLimits has more of everything than a report lists.
func TestLimits(t *testing.T) {
	long := strings.Repeat("g", 400)
	var a kafka.Aftermath
	a.Observed, a.Partitions = lost, 40
	for n := range int32(30) {
		tp := kafka.TopicPartition{Topic: "t", Partition: n}
		a.Losses = append(a.Losses, kafka.LostRange{TopicPartition: tp, To: 1, Exactness: kafka.Exactly})
		a.Beyond = append(a.Beyond, kafka.Beyond{Group: long, TopicPartition: tp, Back: 5})
		a.Hanging = append(a.Hanging, kafka.Transaction{TopicPartition: tp})
		a.Unclean = append(a.Unclean, kafka.Unclean{TopicPartition: tp, Down: make([]int32, 30)})
		a.MadeAgain, a.Gone = append(a.MadeAgain, "t"), append(a.Gone, "t")
	}
	var r v1alpha1.RestoreReport
	report(&r, a, nil)
	lengths := []int{len(r.LostPartitions), len(r.GroupsBeyondEnd), len(r.HangingTransactions), len(r.UncleanLeaders), len(r.UncleanLeaders[0].Down), len(r.TopicsMadeAgain), len(r.TopicsGone)}
	if !slices.Equal(lengths, []int{10, 10, 10, 10, 10, 10, 10}) || len(r.GroupsBeyondEnd[0].Group) != 255 || r.PartitionsLost != 30 || *r.RecordsGone != 30 {
		t.Errorf("lengths %v in %+v", lengths, r)
	}
}
