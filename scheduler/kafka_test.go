package scheduler

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/observe"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// oneKafka is a Kafka cluster with two brokers. Only the first is in sync.
type oneKafka struct {
	kafka.Cluster
	end     int64
	brokers []int32
	err     error
}

func (k *oneKafka) Close() {}

func (k *oneKafka) Observe(context.Context) (*kafka.Observation, error) {
	o := &kafka.Observation{At: created, ClusterID: "abc", Topics: []kafka.Topic{{Name: "orders",
		Partitions: []kafka.Partition{{Leader: 1, LeaderEpoch: 7, Replicas: []int32{1, 2}, ISR: []int32{1}, End: k.end}}}}}
	for _, id := range k.brokers {
		o.Brokers = append(o.Brokers, kafka.Broker{ID: id})
	}
	return o, k.err
}

func brokerClaim(n int) *corev1.PersistentVolumeClaim {
	pvc := snapshotstest.KoperatorClaim("kafka", n, "/kafka-logs").Named("broker-" + string(rune('0'+n))).Obj()
	pvc.UID = types.UID("uid-of-" + pvc.Name)
	pvc.Status.Phase = corev1.ClaimBound
	return pvc
}

func brokerSnapshot(n int, age time.Duration, annotations ...string) *snapshotv1.VolumeSnapshot {
	claim := snapshotstest.KoperatorClaim("kafka", n, "/kafka-logs").Named("broker-" + string(rune('0'+n)))
	s := snapshotstest.NewSnapshot(claim, snapshotstest.NewBackup("hourly", "kafka", "class"), "driver", created.Add(-age)).Ready()
	for i := 0; i < len(annotations); i += 2 {
		s.Annotate(annotations[i], annotations[i+1])
	}
	return s.Obj()
}

func ordersUpTo(end int64) string {
	return kafka.Encode(kafka.Record{At: created, Topics: []kafka.RecordedTopic{{Name: "orders", Partitions: []kafka.RecordedPartition{{LeaderEpoch: 7, End: end}}}}})
}

// asking is a KafkaBackup whose Kafka is asked.
func asking() *v1alpha1.KafkaBackup {
	return snapshotstest.NewBackup("hourly", "kafka", "class").Spec(func(s *v1alpha1.KafkaBackupSpec) {
		s.Kafka = &v1alpha1.KafkaAccess{MaxRecordsAtRisk: new(int64)}
	}).Obj()
}

// letAsk lets a scheduler ask this Kafka, once.
func letAsk(t *testing.T, r *Reconciler, kb *v1alpha1.KafkaBackup, k *oneKafka) {
	t.Helper()
	r.kafka.begin(r, func(context.Context, *v1alpha1.KafkaBackup) (kafka.Cluster, error) { return k, nil })
	answered := make(chan struct{})
	r.kafka.Done = func(context.Context, types.NamespacedName) { close(answered) }
	r.kafka.Keep(t.Context(), kb, false)
	<-answered
	t.Cleanup(r.kafka.Close)
}

func TestObserveKafka(t *testing.T) {
	objects := []client.Object{brokerClaim(1), brokerClaim(2),
		brokerSnapshot(1, time.Hour, v1alpha1.AnnotationKafkaObserved, ordersUpTo(400)), brokerSnapshot(2, time.Hour, v1alpha1.AnnotationKafkaObserved, ordersUpTo(300))}
	for name, c := range map[string]struct {
		kafka  oneKafka
		before *v1alpha1.KafkaStatus
		status metav1.ConditionStatus
		reason string
		atRisk int64
		all    string
	}{
		"it answers": {oneKafka{end: 1000, brokers: []int32{1, 2}}, nil, metav1.ConditionTrue, v1alpha1.ReasonObserved, 600, "600 records of 1 partition (orders-0)"},
		"it fails": {oneKafka{err: context.DeadlineExceeded}, &v1alpha1.KafkaStatus{IfAllLost: v1alpha1.KafkaLoss{Message: "as before"}, AtRisk: []v1alpha1.VolumeAtRisk{{KafkaLoss: v1alpha1.KafkaLoss{Records: 7}}}},
			metav1.ConditionFalse, v1alpha1.ReasonTimedOut, 7, "as before"},
	} {
		kb := asking()
		r, seen := seeing(t, kb, objects...)
		letAsk(t, r, kb, &c.kafka)
		kb.Status.Kafka = c.before
		if err := r.observeKafka(t.Context(), kb, seen, r.good(t.Context(), seen)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		condition := meta.FindStatusCondition(kb.Status.Conditions, v1alpha1.ConditionKafkaObserved)
		if condition == nil || condition.Status != c.status || condition.Reason != c.reason {
			t.Errorf("%s: condition %+v", name, condition)
		}
		if k := kb.Status.Kafka; k == nil || observe.MaxAtRisk(k) != c.atRisk || k.IfAllLost.Message != c.all {
			t.Errorf("%s: status %+v", name, k)
		}
		f := r.figures.of[client.ObjectKeyFromObject(kb)].kafka
		if f.seen == nil || observe.MaxAtRisk(f.seen) != c.atRisk || f.limit == nil {
			t.Errorf("%s: figures %+v", name, f)
		}
		kb.Spec.Kafka = nil
		if err := r.observeKafka(t.Context(), kb, seen, nil); err != nil || kb.Status.Kafka != nil || len(kb.Status.Conditions) > 0 {
			t.Errorf("%s: without spec.kafka: %+v, %v", name, kb.Status, err)
		}
		if f := r.figures.of[client.ObjectKeyFromObject(kb)].kafka; f.seen != nil || f.limit != nil {
			t.Errorf("%s: figures without spec.kafka: %+v", name, f)
		}
	}
}

// annotated returns the ends of "orders" that the snapshots carry in an annotation,
// by the age of the snapshot.
func annotated(t *testing.T, r *Reconciler, key string, of ...*snapshotv1.VolumeSnapshot) (ends []int64) {
	t.Helper()
	for _, vs := range of {
		var got snapshotv1.VolumeSnapshot
		if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(vs), &got); err != nil {
			t.Fatal(err)
		}
		end := int64(0)
		if text, ok := got.Annotations[key]; ok {
			record, err := kafka.Decode(text)
			if err != nil {
				t.Fatal(err)
			}
			end = record.Topics[0].Partitions[0].End
		}
		ends = append(ends, end)
	}
	return ends
}

// The newest two of a volume keep what Kafka said, but for a volume without a claim
// nothing changes. What a lost volume had is written to its newest snapshot.
func TestKeepRecords(t *testing.T) {
	var one, two []*snapshotv1.VolumeSnapshot
	objects := []client.Object{brokerClaim(1), brokerClaim(2)}
	for age := range 4 {
		one = append(one, brokerSnapshot(1, time.Duration(age+1)*time.Hour, v1alpha1.AnnotationKafkaObserved, ordersUpTo(int64(100*(9-age)))))
		two = append(two, brokerSnapshot(2, time.Duration(age+1)*time.Hour, v1alpha1.AnnotationKafkaObserved, ordersUpTo(int64(100*(9-age)))))
		objects = append(objects, one[age], two[age])
	}
	kb := asking()
	r, seen := seeing(t, kb, objects...)
	letAsk(t, r, kb, &oneKafka{end: 1234, brokers: []int32{1, 2}})
	without := seen
	without.claims = seen.claims[1:]
	r.keepRecords(t.Context(), kb, without, r.good(t.Context(), without))
	for name, c := range map[string]struct {
		of   []*snapshotv1.VolumeSnapshot
		want []int64
	}{"with a claim": {two, []int64{900, 800, 0, 0}}, "without": {one, []int64{900, 800, 700, 600}}} {
		if got := annotated(t, r, v1alpha1.AnnotationKafkaObserved, c.of...); !equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	look := func(seen view) {
		t.Helper()
		seen.own = nil
		again, err := r.look(t.Context(), kb)
		if err != nil {
			t.Fatal(err)
		}
		seen.own = again.own
		r.keepRecords(t.Context(), kb, seen, nil)
	}
	look(seen) // both are seen alive
	if got := annotated(t, r, v1alpha1.AnnotationKafkaLastObserved, one...); !equal(got, make([]int64, 4)) {
		t.Errorf("while nothing is lost: %v", got)
	}
	look(without)
	if got := annotated(t, r, v1alpha1.AnnotationKafkaLastObserved, one...); !equal(got, []int64{1234, 0, 0, 0}) {
		t.Errorf("what the lost volume had: %v", got)
	}
	if got := annotated(t, r, v1alpha1.AnnotationKafkaLastObserved, two...); !equal(got, make([]int64, 4)) {
		t.Errorf("of the other volume: %v", got)
	}
}

// While a broker is not in sync, the records from before its loss are kept, and no
// others.
func TestKeepRecordsOfARestore(t *testing.T) {
	var all []*snapshotv1.VolumeSnapshot
	objects := []client.Object{brokerClaim(1)}
	for age := range 4 {
		all = append(all, brokerSnapshot(1, time.Duration(age+1)*time.Hour, v1alpha1.AnnotationKafkaObserved, ordersUpTo(int64(100*(9-age)))))
		objects = append(objects, all[age])
	}
	kb := asking()
	r, seen := seeing(t, kb, objects...)
	oldest := slices.MinFunc(seen.own, func(a, b snapshots.Snapshot) int { return a.Scheduled.Compare(b.Scheduled) })
	kb.Status.Restores = []v1alpha1.RestoreStatus{{RequestedTime: metav1.Time{Time: oldest.Scheduled.Add(time.Minute)}, Kafka: &v1alpha1.RestoreReport{}}}
	r.keepRecords(t.Context(), kb, seen, r.good(t.Context(), seen))
	if got := annotated(t, r, v1alpha1.AnnotationKafkaObserved, all...); !equal(got, []int64{900, 800, 0, 600}) {
		t.Errorf("got %v", got)
	}
}

func equal(a, b []int64) bool {
	for i := range a {
		if len(a) != len(b) || a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestRecordTasks(t *testing.T) {
	kb := asking()
	r, seen := seeing(t, kb, brokerClaim(1), brokerClaim(2))
	controller := snapshotstest.KoperatorClaim("kafka", 3, "/kafka-logs").Label("pvcRoles", "controller").Obj()
	v, _ := snapshots.Identify(controller.Namespace, controller, nil)
	tasks := []task{{Claim: seen.claims[0]}, {Claim: seen.claims[1], skip: "not bound"}, {Claim: claims.Claim{Volume: v, PVC: controller}}}
	letAsk(t, r, kb, &oneKafka{end: 55, brokers: []int32{1, 2, 3}})
	record(t.Context(), tasks, r.observeForRun(t.Context(), kb))
	said, err := kafka.Decode(tasks[0].kafka)
	if err != nil || said.ClusterID != "abc" || said.Topics[0].Partitions[0] != (kafka.RecordedPartition{LeaderEpoch: 7, End: 55}) {
		t.Errorf("%+v, %v", said, err)
	}
	remade := []task{{Claim: claims.Claim{Volume: seen.claims[0].Volume, PVC: seen.claims[0].PVC.DeepCopy()}}}
	remade[0].PVC.CreationTimestamp = metav1.Time{Time: r.kafka.State(client.ObjectKeyFromObject(kb)).Last.At.Add(time.Second)}
	if record(t.Context(), remade, r.kafka.State(client.ObjectKeyFromObject(kb)).Last); remade[0].kafka != "" {
		t.Errorf("a claim that was made since: %q", remade[0].kafka)
	}
	if tasks[1].kafka != "" || tasks[2].kafka != "" {
		t.Errorf("a skipped one: %q, a controller's: %q", tasks[1].kafka, tasks[2].kafka)
	}
	record(t.Context(), tasks, nil) // nothing is known
	pv := &corev1.PersistentVolume{}
	tasks[0].pv = pv
	for _, text := range []string{tasks[0].kafka, ""} {
		tasks[0].kafka = text
		name, _, err := r.snapshot(t.Context(), tasks[0], seen.backup, seen.cluster, created.Add(time.Duration(len(text))*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var made snapshotv1.VolumeSnapshot
		if err := r.Client.Get(t.Context(), client.ObjectKey{Namespace: kb.Namespace, Name: name}, &made); err != nil {
			t.Fatal(err)
		}
		if got, there := made.Annotations[v1alpha1.AnnotationKafkaObserved]; got != text || there != (text != "") || strings.Contains(got, "\n") {
			t.Errorf("annotation %q, want %q", got, text)
		}
	}
}
