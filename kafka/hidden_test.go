package kafka

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// TestHiddenTopics has topics that the user may not describe: Kafka leaves them out
// of its answer, without an error.
func TestHiddenTopics(t *testing.T) {
	describe := func(of kmsg.ACLResourceType, name string) kfake.ACL {
		return kfake.ACL{Resource: of, Name: name, Operation: kmsg.ACLOperationDescribe, Allow: true, Pattern: kmsg.ACLResourcePatternTypeLiteral}
	}
	cluster := fake(t, kfake.NumBrokers(2), kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, "seen", "payments", "audit"),
		kfake.User("PLAIN", "snapback", "secret", describe(kmsg.ACLResourceTypeCluster, "kafka-cluster"), describe(kmsg.ACLResourceTypeTopic, "seen")))
	o := observe(t, client(t, Config{Bootstrap: cluster.ListenAddrs(), SASL: plain.Auth{User: "snapback", Pass: "secret"}.AsMechanism()}))
	want := []string{"audit", "payments"}
	if len(o.Topics) != 1 || !slices.Equal(o.Hidden, want) || !slices.Equal(o.HiddenOn(o.Brokers[0].ID), want) {
		t.Errorf("topics %+v, hidden %q", o.Topics, o.Hidden)
	}
}

// TestDeletedTopic has a topic in a log dir that is gone: it is not hidden.
func TestDeletedTopic(t *testing.T) {
	cluster := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "seen"))
	cluster.ControlKey(kmsg.DescribeLogDirs.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		topic := kmsg.DescribeLogDirsResponseDirTopic{Topic: "gone", Partitions: []kmsg.DescribeLogDirsResponseDirTopicPartition{{}}}
		return &kmsg.DescribeLogDirsResponse{Version: req.GetVersion(), Dirs: []kmsg.DescribeLogDirsResponseDir{{Topics: []kmsg.DescribeLogDirsResponseDirTopic{topic}}}}, nil, true
	})
	if o := observe(t, client(t, Config{Bootstrap: cluster.ListenAddrs()})); len(o.Hidden) > 0 || len(o.LogDirs) != 1 {
		t.Errorf("hidden %q of %+v", o.Hidden, o.LogDirs)
	}
}

// TestHiddenOn names what one broker has of the hidden topics.
func TestHiddenOn(t *testing.T) {
	o := &Observation{
		Brokers: []Broker{{ID: 0}, {ID: 1}, {ID: 2}}, Silent: []Silence{{Broker: 2}}, Hidden: []string{"audit", "payments"},
		LogDirs: []LogDir{
			{Broker: 0, Replicas: []Replica{{TopicPartition: TopicPartition{"audit", 0}}, {TopicPartition: TopicPartition{"audit", 1}}, {TopicPartition: TopicPartition{"seen", 0}}}},
			{Broker: 1, Replicas: []Replica{{TopicPartition: TopicPartition{"seen", 0}}}},
		},
	}
	for broker, want := range [][]string{{"audit"}, nil, o.Hidden} {
		if got := o.HiddenOn(int32(broker)); !slices.Equal(got, want) {
			t.Errorf("broker %d: %q, want %q", broker, got, want)
		}
	}
}
