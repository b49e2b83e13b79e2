package kafka

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// TestHiddenTopics has a user who may describe the cluster, and one of its topics.
func TestHiddenTopics(t *testing.T) {
	describe := func(of kmsg.ACLResourceType, name string) kfake.ACL {
		return kfake.ACL{Resource: of, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationDescribe, Allow: true}
	}
	cluster := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(2, "open", "secret"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.User("PLAIN", "snapback", "password", describe(kmsg.ACLResourceTypeCluster, "kafka-cluster"), describe(kmsg.ACLResourceTypeTopic, "open")))
	cluster.ControlKey(kmsg.DescribeLogDirs.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return someLogDirs(req.GetVersion(), []string{"deleted", "open", "secret"}, 2), nil, true
	})
	o := observe(t, client(t, Config{Bootstrap: cluster.ListenAddrs(), SASL: plain.Auth{User: "snapback", Pass: "password"}.AsMechanism()}))
	// Who may not describe a topic is not told whether it is there.
	if len(o.Topics) != 1 || !slices.Equal(o.Hidden, []string{"deleted", "secret"}) {
		t.Errorf("topics %+v, hidden %v", o.Topics, o.Hidden)
	}
	for _, v := range RiskOf(o, []Holding{{Broker: o.Brokers[0].ID}}).Volumes {
		if v.Nothing() {
			t.Error("nothing would be lost, although there is a topic that cannot be seen")
		}
	}
}

// TestDeletedTopics has a broker that still has a topic which was deleted.
func TestDeletedTopics(t *testing.T) {
	cluster := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "open"))
	cluster.ControlKey(kmsg.DescribeLogDirs.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return someLogDirs(req.GetVersion(), []string{"deleted", "open"}, 2), nil, true
	})
	if o := observe(t, client(t, Config{Bootstrap: cluster.ListenAddrs()})); len(o.Hidden) > 0 {
		t.Errorf("hidden %v", o.Hidden)
	}
}

// TestNoLogDirs has an old broker that does not say that the user has no right.
func TestNoLogDirs(t *testing.T) {
	cluster := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "open"), kfake.MaxVersions(kversion.V3_1_0()))
	cluster.ControlKey(kmsg.DescribeLogDirs.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return &kmsg.DescribeLogDirsResponse{Version: req.GetVersion()}, nil, true
	})
	if _, err := client(t, Config{Bootstrap: cluster.ListenAddrs()}).Observe(t.Context()); !errors.Is(err, kerr.ClusterAuthorizationFailed) {
		t.Errorf("got %v", err)
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
