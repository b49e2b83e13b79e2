package recovery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// partitioned is a topic of one partition, with 100 records.
func partitioned(name string, leader int32, replicas, isr []int32) kafka.Topic {
	return kafka.Topic{Name: name, Partitions: []kafka.Partition{{Leader: leader, Replicas: replicas, ISR: isr, End: 100}}}
}

func ids(of ...int32) []int32 { return of }

// observed is what Kafka says of a cluster with these brokers, which advertise the
// names of their pods.
func observed(brokers []int32, topics ...kafka.Topic) *kafka.Observation {
	o := &kafka.Observation{Topics: topics}
	for _, id := range brokers {
		o.Brokers = append(o.Brokers, kafka.Broker{ID: id, Host: fmt.Sprintf("kafka-%d.headless.kafka.svc", id)})
	}
	return o
}

// hiding is what Kafka says to a user who may not describe a topic, of which broker 0
// has a partition.
func hiding(o *kafka.Observation) *kafka.Observation {
	o.Hidden = []string{"payments"}
	o.LogDirs = append(o.LogDirs, kafka.LogDir{Replicas: []kafka.Replica{{TopicPartition: kafka.TopicPartition{Topic: "payments"}}}})
	return o
}

// TestConsult plans to restore brokers of which Kafka can be asked.
func TestConsult(t *testing.T) {
	lost := func(volumes ...int) func(*world) {
		return func(w *world) {
			for _, n := range volumes {
				w.Volumes[n].Claims = nil
			}
		}
	}
	both, zero, one := ids(0, 1), ids(0), ids(1)
	const accept = "; or pass --accept-loss kafka-0 to lose it"
	for name, test := range map[string]struct {
		o       *kafka.Observation
		prepare func(*world)
		request Request
		says    string // all of it
		blocks  string // what it has; empty: nothing blocks
	}{
		"all have another": {o: observed(both, partitioned("t", 1, both, both)),
			says: "broker kafka-0 loses nothing: each of its partitions (1) has another replica in sync"},
		"RF 1": {o: observed(both, partitioned("t", 0, zero, zero), partitioned("u", 1, both, both)),
			blocks: "no other broker has in sync what broker kafka-0 has of 1 of its 2 partitions, and what was written to them since the snapshot would be lost: t-0 (at most 100 records); " +
				"those with one replica can be moved to another broker first (kafka-reassign-partitions.sh)" + accept},
		"RF 1, accepted": {o: observed(both, partitioned("t", 0, zero, zero)), request: Request{AcceptLoss: []string{"0"}},
			says: "no other broker has in sync what broker kafka-0 has of 1 of its 1 partitions, and what was written to them since the snapshot would be lost: t-0 (at most 100 records); " +
				"those with one replica can be moved to another broker first (kafka-reassign-partitions.sh), which --accept-loss accepts"},
		"a peer is behind": {o: observed(both, partitioned("t", 0, both, zero)),
			blocks: "wait until broker kafka-1 is in sync (" + underReplicated + ")" + accept},
		"a peer is silent": {o: func() *kafka.Observation {
			o := observed(both, partitioned("t", 0, both, both))
			o.Silent = []kafka.Silence{{Broker: 1, Why: errors.New("refused")}}
			return o
		}(), blocks: "see why broker kafka-1, which is in sync, does not answer (refused)" + accept},
		"a peer is down": {o: observed(zero, partitioned("t", 0, both, zero)),
			blocks: "have broker kafka-1 run again and catch up first, if it can" + accept},
		"it is down, its disk is there": {o: observed(one, partitioned("t", -1, both, zero)),
			blocks: "no other broker has in sync what broker kafka-0 has of 1 of its 1 partitions"},
		"it is lost, a peer leads": {o: observed(one, partitioned("t", 1, both, one)), prepare: lost(0),
			says: "broker kafka-0 does not run and has lost its disk: each of its partitions (1) has another replica, which was in sync last"},
		"it is lost, RF 1": {o: observed(one, partitioned("t", -1, zero, zero)), prepare: lost(0),
			says: "broker kafka-0 was the only one to have 1 of its 1 partitions, which go back to its snapshot: t-0 (at most 100 records)"},
		"it is lost, a peer is down": {o: observed(nil, partitioned("t", -1, both, zero)), prepare: lost(0),
			blocks: "broker kafka-0 was the last one in sync of 1 of its 1 partitions, and a peer may hold more than its snapshot, to which that peer would be cut: t-0 (at most 100 records); elect it first: start broker kafka-1, " +
				"and once such a partition has Leader: none run kafka-leader-election.sh --bootstrap-server BROKER:9092 --election-type unclean --topic t --partition 0, then restore this one" + accept},
		"it is lost, a peer is behind": {o: observed(one, partitioned("t", -1, both, zero)), prepare: lost(0),
			blocks: "elect it first: broker kafka-1 runs, and once such a partition has Leader: none run kafka-leader-election.sh"},
		"it is lost, a complete peer is down": {o: observed(nil, partitioned("t", -1, both, both)), prepare: lost(0),
			blocks: "elect it first: start broker kafka-1, then restore this one" + accept},
		"both are lost": {o: observed(nil, partitioned("t", -1, both, zero)), prepare: lost(0, 1),
			says: "broker kafka-0 was the only one to have 1 of its 1 partitions, which go back to its snapshot: t-0 (at most 100 records)"},
		"topics that may not be seen": {o: hiding(observed(both, partitioned("t", 1, both, both))),
			blocks: "whether other brokers have in sync what broker kafka-0 has of these topics is not known, since the user by which Kafka is asked may not describe them: payments; " +
				"grant it Describe on them (docs/kafka.md)" + accept},
		"others have topics that may not be seen": {o: hiding(observed(both, partitioned("t", 0, both, both))), request: Request{Brokers: []string{"1"}},
			says: "broker kafka-1 loses nothing: each of its partitions (1) has another replica in sync"},
		"it is lost, topics may not be seen": {o: hiding(observed(one, partitioned("t", 1, both, one))), prepare: lost(0),
			blocks: "may not describe them: payments"},
		"two, one after another": {o: observed(both, partitioned("t", 0, both, both)), request: Request{Brokers: []string{"0", "1"}},
			says: "broker kafka-0 loses nothing: each of its partitions (1) has another replica in sync\n" +
				"broker kafka-1 loses nothing: each of its partitions (1) has another replica in sync, once broker kafka-0 has caught up"},
		"two, the first is lost": {o: observed(one, partitioned("t", 1, both, one)), prepare: lost(0), request: Request{Brokers: []string{"0", "1"}},
			says: "broker kafka-0 does not run and has lost its disk: each of its partitions (1) has another replica, which was in sync last\n" +
				"broker kafka-1 loses nothing: each of its partitions (1) has another replica in sync, once broker kafka-0 has caught up"},
		"two, the lost one later": {o: observed(one, partitioned("t", 1, both, one)), prepare: lost(0), request: Request{Brokers: []string{"1", "0"}},
			blocks: "no other broker has in sync what broker kafka-1 has"},
		"a controller": {o: observed(both, partitioned("t", 0, zero, zero)), prepare: (*world).controllers, request: Request{RestoreQuorum: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.run(noon, 0, 1)
			if test.prepare != nil {
				test.prepare(w)
			}
			if w.asked.Observation = test.o; test.request.Brokers == nil {
				test.request.Brokers = []string{"0"}
			}
			p, err := w.plan(test.request)
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(p.Says, "\n"); test.blocks == "" && said != test.says {
				t.Errorf("Kafka says %s\nwant %s", said, test.says)
			}
			if said := strings.Join(p.Blocks, "\n"); (said == "") != (test.blocks == "") || !strings.Contains(said, test.blocks) {
				t.Errorf("blocked by %s\nwant %s", said, test.blocks)
			}
			if said := strings.Join(p.Warnings, "\n"); p.Brokers[0].Asked && strings.Contains(said, "Ready is not in sync") {
				t.Errorf("a person is asked although Kafka was: %s", said)
			}
		})
	}
}

// TestRecorded has snapshots that carry what Kafka said when they were taken.
func TestRecorded(t *testing.T) {
	record := func(id kafka.TopicID) func(*snapshotstest.Snapshot) {
		r := kafka.Record{Topics: []kafka.RecordedTopic{{Name: "t", ID: id.Hash(), Partitions: []kafka.RecordedPartition{{End: 60}}}}}
		return annotated(v1alpha1.AnnotationKafkaObserved, kafka.Encode(r))
	}
	const again = "these topics were deleted and made again since the snapshot, which has nothing of the new ones: t."
	for name, test := range map[string]struct {
		change func(*snapshotstest.Snapshot)
		blocks string
		says   string
	}{
		"the same topic":     {record(kafka.TopicID{1}), "t-0 (40 records)", ""},
		"an unknown id":      {record(kafka.TopicID{}), "t-0 (40 records)", ""},
		"made again since":   {record(kafka.TopicID{2}), "t-0 (at most 100 records)", again},
		"kept elsewhere":     {annotated(v1alpha1.AnnotationKafkaObserved, "true"), "t-0 (at most 100 records)", ""},
		"nothing is carried": {func(*snapshotstest.Snapshot) {}, "t-0 (at most 100 records)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.snapshot(0, noon, test.change)
			w.run(noon, 1)
			w.asked.Observation = observed(ids(0, 1), partitioned("t", 0, ids(0), ids(0)))
			w.asked.Topics[0].ID = kafka.TopicID{1}
			p, err := w.plan(Request{Brokers: []string{"0"}})
			if err != nil || len(p.Blocks) != 1 || !strings.Contains(p.Blocks[0], test.blocks) {
				t.Errorf("blocked by %q, %v", p.Blocks, err)
			}
			if said := strings.Join(p.Says, "\n"); (said == "") != (test.says == "") || !strings.HasPrefix(said, test.says) {
				t.Errorf("Kafka says %s", said)
			}
			if p, err = w.plan(Request{All: true, Before: later}); err != nil || strings.HasPrefix(strings.Join(p.Says, ""), again) != (test.says != "") {
				t.Errorf("of all: Kafka says %q, %v", p.Says, err)
			}
		})
	}
}

// TestLastSeen counts what a lost volume had when it was last seen.
func TestLastSeen(t *testing.T) {
	carries := func(end int64) string {
		return kafka.Encode(kafka.Record{Topics: []kafka.RecordedTopic{{Name: "t", Partitions: []kafka.RecordedPartition{{End: end}}}}})
	}
	w := newWorld(t, 2)
	w.snapshot(0, noon, annotated(v1alpha1.AnnotationKafkaObserved, carries(60)), annotated(v1alpha1.AnnotationKafkaLastObserved, carries(90)))
	w.run(noon, 1)
	w.Volumes[0].Claims = nil
	o := observed(ids(1), partitioned("t", -1, ids(0), ids(0)))
	o.Topics[0].Partitions[0].End = kafka.NoOffset
	w.asked.Observation = o
	if p, err := w.plan(Request{Brokers: []string{"0"}}); err != nil || len(p.Says) != 1 || !strings.HasSuffix(p.Says[0], "which go back to its snapshot: t-0 (30 records)") {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestNotAsked has brokers of which Kafka cannot be asked: the plan says why, and
// several are refused.
func TestNotAsked(t *testing.T) {
	one := func(id int32, host string) *kafka.Observation {
		return &kafka.Observation{Brokers: []kafka.Broker{{ID: id, Host: host}}, Topics: []kafka.Topic{partitioned("t", id, ids(id), ids(id))}}
	}
	for name, test := range map[string]struct {
		asked Asked
		want  string
	}{
		"Kafka is away":           {Asked{Why: "no broker answers"}, "no broker answers"},
		"it has no such broker":   {Asked{Observation: one(7, "elsewhere")}, "which of Kafka's brokers kafka-0 is, is not known: no broker advertises its name or address, and the numbers in names are no ids here: no node has that of broker 7"},
		"the id is another's":     {Asked{Observation: one(0, "kafka-1.headless")}, "which of Kafka's brokers kafka-0 is, is not known: broker 0 is kafka-1"},
		"nobody says which it is": {Asked{Observation: &kafka.Observation{}}, "Kafka knows nothing of a broker 0"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.run(noon, 0, 1)
			w.asked = test.asked
			p, err := w.plan(Request{Brokers: []string{"0"}})
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Says)+len(p.Blocks) > 0 || !strings.HasPrefix(p.Warnings[0], "Kafka cannot be asked: "+test.want) || !strings.Contains(p.Warnings[0], "Ready is not in sync") {
				t.Errorf("says %q, blocked by %q, minds %q", p.Says, p.Blocks, p.Warnings)
			}
			if _, err := w.plan(Request{Brokers: []string{"0", "1"}}); err == nil || !strings.HasPrefix(err.Error(), "restore one broker a command, since Kafka cannot be asked ("+test.want) {
				t.Errorf("two brokers: %v", err)
			}
		})
	}
}

// TestPrintAsked prints a plan that Kafka was asked about.
func TestPrintAsked(t *testing.T) {
	w := newWorld(t, 2)
	w.run(noon, 0, 1)
	w.asked.Observation = observed(ids(0, 1), partitioned("t", 1, ids(0, 1), ids(0, 1)))
	p, err := w.plan(Request{Brokers: []string{"1", "0"}})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Print(&out, p, unknownOperator{}, later); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Restore brokers kafka-1, kafka-0 of Kafka cluster kafka/kafka to their newest snapshots, one after another\n",
		"\nKafka says:\n - broker kafka-1 loses nothing:",
		"\n - do what follows for kafka-1, then for kafka-0\n - ask Kafka again whether nothing else is lost, and stop if it is\n - delete the claims and the pod\n",
		"\n - wait until Kafka has the broker in sync in all of its partitions\n - let the snapshots go\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it prints %s\nwant %s", out.String(), want)
		}
	}
	if strings.Contains(out.String(), "Lost:") || strings.Contains(out.String(), "BLOCKED") {
		t.Errorf("nothing is lost, but it prints %s", out.String())
	}
}

// TestAcceptLoss has losses that are accepted of brokers that are not restored.
func TestAcceptLoss(t *testing.T) {
	for name, test := range map[string]struct {
		request Request
		want    string
	}{
		"of another":          {Request{Brokers: []string{"0"}, AcceptLoss: []string{"1"}}, "--accept-loss kafka-1: that broker is not restored"},
		"of none that exists": {Request{Brokers: []string{"0"}, AcceptLoss: []string{"7"}}, `--accept-loss: no broker "7"`},
		"of all":              {Request{All: true, Before: later, AcceptLoss: []string{"0"}}, "--accept-loss is for --broker"},
	} {
		w := newWorld(t, 2)
		w.run(noon, 0, 1)
		if _, err := w.plan(test.request); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// TestByIP knows a broker by the IP of its pod.
func TestByIP(t *testing.T) {
	w := newWorld(t, 2)
	w.run(noon, 0, 1)
	w.readyPods()
	w.pods[0].Status = corev1.PodStatus{PodIP: "10.0.0.1"}
	o := observed(ids(1001, 1002), partitioned("t", 1002, ids(1001, 1002), ids(1001, 1002)))
	o.Brokers[0].Host, o.Brokers[1].Host = "10.0.0.1", "10.0.0.2"
	w.asked.Observation = o
	p, err := w.plan(Request{Brokers: []string{"0"}})
	if err != nil || len(p.Brokers) != 1 || p.Brokers[0].target.id != 1001 || !slices.Equal(p.Says, []string{"broker kafka-0 loses nothing: each of its partitions (1) has another replica in sync"}) {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestResumeSeveral goes on with what was begun, in whatever order.
func TestResumeSeveral(t *testing.T) {
	w := newWorld(t, 2)
	const begun = "broker/kafka-0,kafka-1"
	w.snapshot(0, noon, annotated("snapback.dev/restoring", begun+" uid-of-data-kafka-0"))
	w.snapshot(1, noon, annotated("snapback.dev/restoring", begun+" uid-of-data-kafka-1"))
	w.asked.Observation = observed(ids(0, 1), partitioned("t", 1, ids(0, 1), ids(1)))
	again := w.Volumes[0].Claims[0].DeepCopy()
	again.UID = "again"
	again.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: w.Volumes[0].Snapshots[0].Name}
	w.Volumes[0].Claims = []*corev1.PersistentVolumeClaim{again}
	p, err := w.plan(Request{Brokers: []string{"0", "1"}})
	if err != nil || len(p.Blocks) > 0 || p.Restore != begun || !p.Items[0].Done || p.Items[1].Done || p.Says[0] != "broker kafka-0 is restored already, and is waited for until it is in sync" {
		t.Errorf("%+v, %v", p, err)
	}
	answers := w.asked
	w.asked = Asked{Why: "no broker answers"}
	if _, err := w.plan(Request{Brokers: []string{"0", "1"}}); err == nil || !strings.HasPrefix(err.Error(), "this restore was begun, and can go on only when Kafka can be asked (no broker answers): run the same command again then; or give it up: kubectl annotate") {
		t.Errorf("without Kafka: %v", err)
	}
	w.asked = answers
	if p, err := w.plan(Request{Brokers: []string{"1", "0"}}); err != nil || p.Restore != begun {
		t.Errorf("in another order: %+v, %v", p, err)
	}
	p, err = w.plan(Request{Brokers: []string{"1"}})
	if err != nil || !strings.Contains(strings.Join(p.Blocks, "\n"), "finish it with kubectl snapback restore kafka -n kafka --broker kafka-0 --broker kafka-1") {
		t.Errorf("one alone: %+v, %v", p, err)
	}
}

// TestAnotherKafka has an address at which another cluster answers, in which nothing
// would be lost.
func TestAnotherKafka(t *testing.T) {
	carries := annotated(v1alpha1.AnnotationKafkaObserved, kafka.Encode(kafka.Record{ClusterID: "own"}))
	for name, test := range map[string]struct {
		change func(*snapshotstest.Snapshot)
		noted  string // by the operator
		want   string // empty: it is the right one
	}{
		"nobody knows":               {func(*snapshotstest.Snapshot) {}, "", ""},
		"the snapshot says so":       {annotated(v1alpha1.AnnotationKafkaClusterID, "own"), "", "the snapshots are of own"},
		"Kafka said so at the run":   {carries, "", "the snapshots are of own"},
		"the operator says so":       {func(*snapshotstest.Snapshot) {}, "own", "the operator's resource of kafka/kafka has own"},
		"the operator knows it best": {carries, "another", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.snapshot(0, noon, test.change)
			w.run(noon, 1)
			w.Volumes[1].KafkaClusterID = test.noted
			w.asked.Observation = observed(ids(0, 1), partitioned("t", 1, ids(0, 1), ids(0, 1)))
			w.asked.ClusterID = "another"
			p, err := w.plan(Request{Brokers: []string{"0"}})
			if err != nil {
				t.Fatal(err)
			}
			want := "Kafka cannot be asked: what answers is another Kafka, with the cluster id another, and " + test.want + ": correct --bootstrap-servers"
			if p.Brokers[0].Asked != (test.want == "") || test.want != "" && !strings.HasPrefix(strings.Join(p.Warnings, "\n"), want) {
				t.Errorf("asked %v, warns %q", p.Brokers[0].Asked, p.Warnings)
			}
		})
	}
}

// TestGuessedID has brokers that do not advertise the names of their pods.
func TestGuessedID(t *testing.T) {
	balanced := func(o *kafka.Observation) *kafka.Observation { // by one load balancer, with a port for each
		for n := range o.Brokers {
			o.Brokers[n].Host = "kafka.example.com"
		}
		return o
	}
	at := func(o *kafka.Observation, hosts ...string) *kafka.Observation {
		for n := range hosts {
			o.Brokers[n].Host = hosts[n]
		}
		return o
	}
	both := func(first, second int32) kafka.Topic {
		return partitioned("t", second, ids(first, second), ids(first, second))
	}
	for name, test := range map[string]struct {
		o       *kafka.Observation
		prepare func(*world)
		want    string // why it is not known; empty: it is
		id      int32
	}{
		"ids are the numbers": {o: balanced(observed(ids(0, 1), both(0, 1)))},
		"the other is down":   {o: balanced(observed(ids(0), both(0, 1))), prepare: func(w *world) { w.pods = w.pods[:1] }},
		"ids count from 1":    {o: balanced(observed(ids(1, 2), both(1, 2))), want: "the numbers in names are no ids here: kafka-0 runs, and Kafka has no broker 0"},
		"ids count from 1, and the first is lost": {o: balanced(observed(ids(2), both(1, 2))),
			prepare: func(w *world) { w.pods, w.Volumes[0].Claims = nil, nil }, want: "the numbers in names are no ids here: no node has that of broker 2"},
		"names tell of the others": {o: observed(ids(1), both(0, 1))},
		"names tell otherwise": {o: at(observed(ids(0), both(0, 5)), "kafka-1.headless"), prepare: func(w *world) { w.Volumes[0].Claims = nil },
			want: "broker 0 is kafka-1"},
		"a pod of another cluster": {o: at(observed(ids(0, 1), both(0, 1)), "old-0.kafka", "old-1.kafka"),
			prepare: func(w *world) { w.pods = append(w.pods, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "old-0"}}) }, want: "broker 0 is pod old-0"},
		"the IP of a pod that has ended": {o: at(observed(ids(0, 1), both(0, 1)), "10.0.0.2", "10.0.0.1"), prepare: func(w *world) {
			ended := *w.pods[0].DeepCopy()
			ended.Name, ended.Status = "evicted", corev1.PodStatus{Phase: corev1.PodFailed, PodIP: "10.0.0.1"}
			w.pods[0].Status.PodIP = "10.0.0.2"
			w.pods = append(w.pods, ended)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.run(noon, 0, 1)
			if w.readyPods(); test.prepare != nil {
				test.prepare(w)
			}
			w.asked.Observation = test.o
			p, err := w.plan(Request{Brokers: []string{"0"}})
			if err != nil {
				t.Fatal(err)
			}
			if b := p.Brokers[0]; b.Asked != (test.want == "") || b.target.id != test.id || !strings.Contains(strings.Join(p.Warnings, "\n"), test.want) {
				t.Errorf("asked %v of broker %d, warns %q", b.Asked, b.target.id, p.Warnings)
			}
		})
	}
}

// TestTerminating has a peer whose claim was deleted, and whose pod still runs: it has
// all that it had.
func TestTerminating(t *testing.T) {
	w := newWorld(t, 2)
	w.run(noon, 0, 1)
	w.Volumes[0].Claims = nil
	w.Volumes[1].Claims[0].DeletionTimestamp = &metav1.Time{Time: later}
	w.asked.Observation = observed(ids(1), partitioned("t", -1, ids(0, 1), ids(0)))
	p, err := w.plan(Request{Brokers: []string{"0"}})
	if err != nil || len(p.Blocks) != 1 || !strings.Contains(p.Blocks[0], "a peer may hold more than its snapshot") {
		t.Errorf("%+v, %v", p, err)
	}
}
