package observe

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/snapshots"
)

func volume(n int, role snapshots.Role) snapshots.Volume {
	return snapshots.Volume{Namespace: "kafka", Cluster: "my-cluster", Slot: fmt.Sprintf("%d:/kafka-logs", n), Node: fmt.Sprint(n), Role: role}
}

// seen is an observation of two brokers, the first of which alone has records.
func seen() *kafka.Observation {
	return &kafka.Observation{At: at.Add(5 * time.Millisecond), ClusterID: "abc", Brokers: []kafka.Broker{{ID: 1}, {ID: 2}}, Topics: []kafka.Topic{{
		Name: "orders", Partitions: []kafka.Partition{
			{Number: 0, Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1, 2}, End: 100},
			{Number: 1, Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1}, End: 1500},
			{Number: 2, Leader: -1, Replicas: []int32{3}, ISR: []int32{3}, Start: kafka.NoOffset, End: kafka.NoOffset},
		}}}}
}

func TestStatusOf(t *testing.T) {
	record := func(end int64) *kafka.Record {
		return &kafka.Record{Topics: []kafka.RecordedTopic{{Name: "orders", Partitions: []kafka.RecordedPartition{{Number: 0, End: end}, {Number: 1, End: end}}}}}
	}
	got := StatusOf(seen(), []Volume{
		{volume(1, snapshots.RoleBroker), true, record(90)},
		{volume(2, snapshots.RoleCombined), true, record(100)},
		{volume(2, snapshots.RoleCombined), true, record(100)}, // a second claim
		{volume(3, snapshots.RoleController), false, nil},
	})
	want := &v1alpha1.KafkaStatus{
		ObservedTime: metav1.Time{Time: at}, ClusterID: "abc", Brokers: 2, Partitions: 3, OfflinePartitions: 1, UnderReplicatedPartitions: 1, VolumesAtRisk: 1,
		IfAllLost: v1alpha1.KafkaLoss{Partitions: 2, Records: 1400, Message: "at least 1,400 records of 2 partitions (orders-1, orders-2)"},
		AtRisk: []v1alpha1.VolumeAtRisk{{Volume: "1:/kafka-logs", Broker: "1",
			KafkaLoss: v1alpha1.KafkaLoss{Partitions: 1, Records: 1410, Message: "1,410 records of 1 partition (orders-1)"}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

func TestStatusNamesTheLargest(t *testing.T) {
	o := seen()
	var all []Volume
	for n := range 12 {
		o.Topics = append(o.Topics, kafka.Topic{Name: fmt.Sprintf("t%02d", n)})
		last := &o.Topics[len(o.Topics)-1]
		for p := range n + 1 {
			last.Partitions = append(last.Partitions, kafka.Partition{Number: int32(p), Replicas: []int32{int32(n + 10)}, ISR: []int32{int32(n + 10)}, End: 10})
		}
		all = append(all, Volume{Volume: volume(n+10, snapshots.RoleBroker)})
	}
	got := StatusOf(o, all)
	if got.VolumesAtRisk != 12 || len(got.AtRisk) != v1alpha1.MaxAtRisk || got.AtRisk[0].Broker != "21" ||
		got.AtRisk[0].Message != "120 records of 12 partitions (t11-0, t11-1, t11-2, and 9 more)" {
		t.Errorf("%+v", got)
	}
	if most := MaxAtRisk(got); most != 120 {
		t.Errorf("at most %d are at risk", most)
	}
}

func TestNewer(t *testing.T) {
	old := &v1alpha1.KafkaStatus{ObservedTime: metav1.Time{Time: at}, Brokers: 3}
	after := func(d time.Duration, brokers int32) *v1alpha1.KafkaStatus {
		return &v1alpha1.KafkaStatus{ObservedTime: metav1.Time{Time: at.Add(d)}, Brokers: brokers}
	}
	for name, c := range map[string]struct {
		old, fresh *v1alpha1.KafkaStatus
		written    bool
	}{
		"the first":                 {nil, after(0, 3), true},
		"only the time has changed": {old, after(4*time.Minute, 3), false},
		"for long":                  {old, after(5*time.Minute, 3), true},
		"more has changed":          {old, after(time.Minute, 2), true},
		"more, within a minute":     {old, after(10*time.Second, 2), false},
		"the clock went back":       {old, after(-time.Second, 3), true},
	} {
		if got := Newer(c.old, c.fresh); got == c.fresh != c.written {
			t.Errorf("%s: written: %t, want %t", name, got == c.fresh, c.written)
		}
	}
}

func TestCondition(t *testing.T) {
	for name, c := range map[string]struct {
		state                   State
		status, reason, message string
	}{
		"not asked yet": {State{}, "", "", ""},
		"well":          {State{Tried: true, Last: seen()}, "True", v1alpha1.ReasonObserved, "Every broker answers"},
		"in part": {State{Tried: true, Last: &kafka.Observation{Brokers: make([]kafka.Broker, 3), Silent: []kafka.Silence{{Broker: 2, Why: errors.New("port 34567")}}}},
			"True", v1alpha1.ReasonPartlyAnswered, "1 of 3 brokers did not answer: what they have is not known. Look at brokers 2"},
		"topics are hidden": {State{Tried: true, Last: &kafka.Observation{Hidden: []string{"a", "b"}}}, "True", v1alpha1.ReasonPartlyAnswered,
			"Kafka does not let the user see topics that brokers have (a, b): what would be lost of them is not known. Grant it Describe on all topics, docs/kafka.md has the ACLs"},
		"not":         {State{Tried: true, Last: seen(), Err: access.Problem{Reason: v1alpha1.ReasonTLSFailed, Message: "mend it"}}, "False", v1alpha1.ReasonTLSFailed, "mend it"},
		"not in time": {State{Tried: true, Err: context.DeadlineExceeded}, "False", v1alpha1.ReasonTimedOut, "no broker answered in time: look whether they are overloaded; what is asked next may be answered"},
	} {
		got, ok := Condition(c.state)
		if !ok && c.status == "" {
			continue
		}
		if string(got.Status) != c.status || got.Reason != c.reason || got.Message != c.message {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestOutdated(t *testing.T) {
	type s = snapshots.Snapshot
	snapshot := func(name string, hour int, change ...func(*s)) s {
		of := s{Name: name, Ready: true, Scheduled: at.Add(time.Duration(hour) * time.Hour), Annotations: map[string]string{v1alpha1.AnnotationKafkaObserved: "true"}}
		for _, f := range change {
			f(&of)
		}
		return of
	}
	unready := func(of *s) { of.Ready = false }
	none := func(of *s) { of.Annotations = nil }
	last := func(of *s) { of.Annotations = map[string]string{v1alpha1.AnnotationKafkaLastObserved: "true"} }
	deleting := func(of *s) { of.Deleting = true }
	for name, c := range map[string]struct {
		all  []s
		good string
		want []string
	}{
		"two":                       {[]s{snapshot("a", 1), snapshot("b", 2)}, "b", nil},
		"three":                     {[]s{snapshot("c", 3), snapshot("a", 1), snapshot("b", 2)}, "c", []string{"a"}},
		"many":                      {[]s{snapshot("a", 1), snapshot("b", 2, last), snapshot("c", 3), snapshot("d", 4)}, "d", []string{"b", "a"}},
		"stripped before":           {[]s{snapshot("a", 1, none), snapshot("b", 2), snapshot("c", 3)}, "c", nil},
		"the newest is not ready":   {[]s{snapshot("a", 1), snapshot("b", 2), snapshot("c", 3, unready)}, "b", nil},
		"an old one is not ready":   {[]s{snapshot("a", 1, unready), snapshot("b", 2), snapshot("c", 3)}, "c", []string{"a"}},
		"the good one is older":     {[]s{snapshot("a", 1), snapshot("b", 2), snapshot("c", 3), snapshot("d", 4)}, "a", []string{"b"}},
		"one is about to be gone":   {[]s{snapshot("a", 1), snapshot("b", 2), snapshot("c", 3, deleting)}, "b", nil},
		"newer ones without it too": {[]s{snapshot("a", 1), snapshot("b", 2, none), snapshot("c", 3, none)}, "c", []string{"a"}},
	} {
		var got []string
		for _, s := range Outdated(c.all, c.good) {
			got = append(got, s.Name)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
