package follow

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// lost is when the brokers' claims were made again.
var lost = time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)

// fakeKafka is a cluster whose answers a test sets.
type fakeKafka struct {
	away     error // nobody answers
	observed *kafka.Observation

	ends       map[kafka.TopicPartition]int64
	committed  map[string]map[kafka.TopicPartition]int64
	open       []kafka.Transaction
	groupError error
	asked      int
}

func (f *fakeKafka) Observed(types.NamespacedName) (*kafka.Observation, bool) {
	return f.observed, f.observed != nil
}

func (f *fakeKafka) Ask(_ types.NamespacedName, do func(kafka.Cluster) error) error {
	f.asked++
	if f.away != nil {
		return f.away
	}
	return do(f)
}

func (f *fakeKafka) Observe(context.Context) (*kafka.Observation, error) { return f.observed, f.away }

func (f *fakeKafka) EpochEnds(_ context.Context, epochs map[kafka.TopicPartition]int32) (map[kafka.TopicPartition]int64, error) {
	ends := map[kafka.TopicPartition]int64{}
	for tp := range epochs {
		if end, ok := f.ends[tp]; ok {
			ends[tp] = end
		}
	}
	return ends, nil
}

func (f *fakeKafka) Committed(context.Context) (map[string]map[kafka.TopicPartition]int64, error) {
	return f.committed, f.groupError
}

func (f *fakeKafka) OpenTransactions(context.Context, []kafka.TopicPartition) ([]kafka.Transaction, error) {
	return f.open, nil
}

func (f *fakeKafka) Close() {}

var errAway = access.Problem{Reason: v1alpha1.ReasonUnreachable, Message: "no broker answers"}

// world is a Kafka cluster of two brokers with a topic of two partitions, both on
// both brokers, whose claims were restored.
type world struct {
	*testing.T
	kafka    fakeKafka
	live     client.Client
	backup   *v1alpha1.KafkaBackup
	seen     Seen
	now      time.Time
	recorder *events.FakeRecorder
	follower Follower
}

func newWorld(t *testing.T, brokers ...int) *world {
	t.Helper()
	w := &world{T: t, now: lost.Add(time.Minute), recorder: events.NewFakeRecorder(10),
		live: fake.NewClientBuilder().WithScheme(api.NewScheme()).Build()}
	w.backup = snapshotstest.NewBackup("hourly", "kafka", "class").Obj()
	w.backup.Spec.Kafka = &v1alpha1.KafkaAccess{}
	for _, broker := range brokers {
		w.restore(broker, lost)
	}
	w.restart()
	return w
}

// restart starts another follower, as another leader does.
func (w *world) restart() {
	w.follower = Follower{Kafka: &w.kafka, Live: w.live, Recorder: w.recorder, Answers: &Answers{beside: func(do func()) { do() }}}
}

// restore adds a claim that was restored then, and a snapshot of its volume that
// has the record of what Kafka had a minute before.
func (w *world) restore(broker int, at time.Time) {
	w.Helper()
	builder := snapshotstest.KoperatorClaim("kafka", broker, "/kafka-logs").Named("kafka-" + string(rune('0'+broker)))
	record := kafka.Record{At: at.Add(-time.Minute), ClusterID: "id", Topics: []kafka.RecordedTopic{{Name: "t", Partitions: []kafka.RecordedPartition{
		{Number: 0, LeaderEpoch: 5, End: 1200}, {Number: 1, LeaderEpoch: 5, End: 600}}}}}
	snapshot := w.snapshot(builder, at.Add(-time.Hour), v1alpha1.AnnotationKafkaLastObserved, kafka.Encode(record))
	pvc := builder.Obj()
	pvc.UID, pvc.CreationTimestamp = types.UID(pvc.Name+at.String()), metav1.Time{Time: at}
	pvc.Status.Phase = corev1.ClaimBound
	volume, _ := snapshots.Identify(pvc.Namespace, pvc, nil)
	w.seen.Claims = append(w.seen.Claims, claims.Claim{Volume: volume, PVC: pvc})
	w.backup.Status.Restores = append([]v1alpha1.RestoreStatus{{PersistentVolumeClaim: pvc.Name, VolumeSnapshot: snapshot.Name,
		RequestedTime: pvc.CreationTimestamp, BoundTime: &metav1.Time{Time: at.Add(5 * time.Second)}}}, w.backup.Status.Restores...)
}

// snapshot adds a snapshot that carries a record. The cache only knows that.
func (w *world) snapshot(of *snapshotstest.Claim, at time.Time, annotation, record string) snapshots.Snapshot {
	w.Helper()
	vs := snapshotstest.NewSnapshot(of, snapshotstest.NewBackup("hourly", "kafka", "class"), "driver", at).Ready().Annotate(annotation, record).Obj()
	snapshot, err := snapshots.NewSnapshot(snapshots.SlimSnapshot(vs))
	if err != nil {
		w.Fatal(err)
	}
	if err := w.live.Create(w.Context(), vs); err != nil {
		w.Fatal(err)
	}
	w.seen.Own = append(w.seen.Own, snapshot)
	return snapshot
}

// observe has Kafka observed now: these brokers run and are in sync.
func (w *world) observe(inSync ...int32) {
	w.kafka.observed = &kafka.Observation{At: w.now, ClusterID: "id"}
	for _, id := range inSync {
		w.kafka.observed.Brokers = append(w.kafka.observed.Brokers, kafka.Broker{ID: id, Host: "kafka-" + string('0'+id) + ".example"})
	}
	topic := kafka.Topic{Name: "t", Cleanup: "delete"}
	for n, end := range []int64{1200, 600} {
		p := kafka.Partition{Number: int32(n), Leader: -1, LeaderEpoch: 6, Replicas: []int32{0, 1}, ISR: inSync, End: end}
		if len(inSync) > 0 {
			p.Leader = inSync[0]
		}
		topic.Partitions = append(topic.Partitions, p)
	}
	w.kafka.observed.Topics = []kafka.Topic{topic}
	w.kafka.ends = map[kafka.TopicPartition]int64{{Topic: "t", Partition: 0}: 1200, {Topic: "t", Partition: 1}: 600}
}

// lose cuts partition 0 to 1000.
func (w *world) lose() {
	w.kafka.ends[kafka.TopicPartition{Topic: "t", Partition: 0}] = 1000
	w.kafka.observed.Topics[0].Partitions[0].End = 1000
}

// follow follows once, and again for the answers.
func (w *world) follow() {
	for range 2 {
		w.follower.Follow(w.Context(), w.backup, w.seen, w.now)
	}
}

func (w *world) report(n int) *v1alpha1.RestoreReport {
	w.Helper()
	r := w.backup.Status.Restores[n].Kafka
	if r == nil {
		w.Fatalf("restore %d is not followed", n)
	}
	return r
}

// wantMessage says what a restore's report has as its message, and whether it is
// made.
func (w *world) wantMessage(n int, made bool, message string) {
	w.Helper()
	r := w.report(n)
	if r.Message != message || made != (r.ReportedTime != nil) {
		w.Errorf("report made: %v, %q, want %v, %q", r.ReportedTime != nil, r.Message, made, message)
	}
}

// wantEvents says which Events there were since it was last asked.
func (w *world) wantEvents(want ...string) {
	w.Helper()
	var got []string
	for len(w.recorder.Events) > 0 {
		got = append(got, <-w.recorder.Events)
	}
	if len(got) != len(want) {
		w.Fatalf("Events %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			w.Errorf("Event %q, want %q", got[i], want[i])
		}
	}
}
