package kafka

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func TestObserve(t *testing.T) {
	cluster := fake(t, kfake.NumBrokers(3), kfake.ClusterID("kafka-id"), kfake.SeedTopics(2, "b", "a"))
	produce(t, cluster, TopicPartition{"a", 1}, 5)
	o := observe(t, client(t, Config{Bootstrap: cluster.ListenAddrs()}))
	if o.ClusterID != "kafka-id" || len(o.Brokers) != 3 || len(o.Silent) != 0 || o.At.IsZero() {
		t.Errorf("observed %+v", o)
	}
	if len(o.Topics) != 2 || o.Topics[0].Name != "a" || o.Topics[0].ID == (TopicID{}) || o.Topics[0].MinISR != 1 {
		t.Errorf("observed topics %+v", o.Topics)
	}
	p, ok := o.Partition(TopicPartition{"a", 1})
	if !ok || p.Start != 0 || p.End != 5 || p.Leader < 0 || len(p.ISR) != 3 {
		t.Errorf("partition a-1 is %+v, %v", p, ok)
	}
	if _, ok := o.Partition(TopicPartition{"a", 2}); ok {
		t.Error("partition a-2 should not be there")
	}
	replicas := 0
	for range o.EachReplicaOf(o.Brokers[0].ID) {
		replicas++
	}
	if replicas != 4 || len(o.LogDirs) != 3 || !o.Registered(o.Brokers[2].ID) || o.Registered(77) {
		t.Errorf("%d replicas, log dirs %+v", replicas, o.LogDirs)
	}
}

// TestSilentBroker is a broker that accepts connections and never answers, one that
// answers with nonsense, and one that is gone: the others' answers are kept.
func TestSilentBroker(t *testing.T) {
	for name, wrong := range map[string]func(*kfake.Cluster, int32){
		"errors": func(c *kfake.Cluster, node int32) {
			c.ControlKey(kmsg.DescribeLogDirs.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				return nil, errors.New("connection is cut"), c.CurrentNode() == node
			})
		},
		"nonsense": func(c *kfake.Cluster, node int32) {
			c.ControlKey(kmsg.DescribeLogDirs.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				return &kmsg.DescribeLogDirsResponse{ErrorCode: kerr.UnknownServerError.Code, Version: 4}, nil, c.CurrentNode() == node
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := fake(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "a"))
			asked := client(t, Config{Bootstrap: cluster.ListenAddrs()})
			node := observe(t, asked).Brokers[1].ID
			wrong(cluster, node)
			o := observe(t, asked)
			if len(o.Silent) != 1 || o.Silent[0].Broker != node || o.Silent[0].Why == nil {
				t.Errorf("silent are %+v, broker %d is expected", o.Silent, node)
			}
			for _, dir := range o.LogDirs {
				if dir.Broker == node {
					t.Errorf("log dir %+v of the silent broker", dir)
				}
			}
		})
	}
}

// TestNeverAnswers is a listener that takes connections and says nothing, and a
// caller that gives up.
func TestNeverAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // the test is over
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_, _ = conn.Read(make([]byte, 1)) // the client has begun to ask
			cancel()
		}
	}()
	_, err = client(t, Config{Bootstrap: []string{listener.Addr().String()}}).Observe(ctx)
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "ask Kafka for its brokers: ") {
		t.Errorf("got %v", err)
	}
	if _, err := NewClient(Config{}); err == nil {
		t.Error("no bootstrap servers should be an error")
	}
}

// TestWrongAnswers is metadata that no sane cluster gives.
func TestWrongAnswers(t *testing.T) {
	topic := func(name string, partitions ...int32) kmsg.MetadataResponseTopic {
		t := kmsg.MetadataResponseTopic{Topic: &name}
		for _, n := range partitions {
			t.Partitions = append(t.Partitions, kmsg.MetadataResponseTopicPartition{Partition: n, Leader: 99, Replicas: []int32{1}})
		}
		return t
	}
	resp := &kmsg.MetadataResponse{
		Brokers: []kmsg.MetadataResponseBroker{{NodeID: 2}, {NodeID: 1}, {NodeID: 2}},
		Topics:  []kmsg.MetadataResponseTopic{topic("b", 7, 7, -1), topic("a", 3, 0), topic("b"), {}, {Topic: new(string), ErrorCode: 3}},
	}
	o := newObservation(resp, time.Now())
	if len(o.Brokers) != 2 || o.Brokers[0].ID != 1 || len(o.Topics) != 2 || len(o.Topics[1].Partitions) != 2 {
		t.Errorf("observed %+v", o)
	}
	if p, ok := o.Partition(TopicPartition{"b", 7}); !ok || p.End != NoOffset {
		t.Errorf("partition b-7 is %+v, %v", p, ok)
	}
}

// TestGuest counts requests that are under way at the same time.
func TestGuest(t *testing.T) {
	cluster := fake(t, kfake.NumBrokers(12), kfake.SeedTopics(48, "a"))
	var now, most atomic.Int32
	counting := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return &counted{Conn: conn, now: &now, most: &most}, err
	}
	observe(t, client(t, Config{Bootstrap: cluster.ListenAddrs()[:1], Dial: counting}))
	if n := most.Load(); n < 2 || n > atOnce {
		t.Errorf("%d requests were under way at the same time, 2 to %d are expected", n, atOnce)
	}
}

// counted counts the connections on which an answer is awaited.
type counted struct {
	net.Conn
	now, most *atomic.Int32
	asking    atomic.Bool
}

func (c *counted) Write(b []byte) (int, error) {
	if !c.asking.Swap(true) {
		n := c.now.Add(1)
		for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
		}
	}
	return c.Conn.Write(b)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.asking.Swap(false) {
		c.now.Add(-1)
	}
	return n, err
}

func TestSASL(t *testing.T) {
	cluster := fake(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "snapback", "secret"), kfake.Superuser("PLAIN", "snapback", "secret"), kfake.SeedTopics(1, "a"))
	auth := map[string]func(password string) sasl.Mechanism{
		"SCRAM-SHA-512": func(p string) sasl.Mechanism { return scram.Auth{User: "snapback", Pass: p}.AsSha512Mechanism() },
		"PLAIN":         func(p string) sasl.Mechanism { return plain.Auth{User: "snapback", Pass: p}.AsMechanism() },
	}
	for mechanism, with := range auth {
		if _, err := client(t, Config{Bootstrap: cluster.ListenAddrs(), SASL: with("secret")}).Observe(t.Context()); err != nil {
			t.Errorf("%s: %v", mechanism, err)
		}
		if _, err := client(t, Config{Bootstrap: cluster.ListenAddrs(), SASL: with("wrong")}).Observe(t.Context()); err == nil {
			t.Errorf("%s: a wrong password should be an error", mechanism)
		}
	}
}

func TestEpochEnds(t *testing.T) {
	cluster := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(2, "a"))
	produce(t, cluster, TopicPartition{"a", 0}, 7)
	asked := client(t, Config{Bootstrap: cluster.ListenAddrs()})
	p, _ := observe(t, asked).Partition(TopicPartition{"a", 0})
	ends, err := asked.EpochEnds(t.Context(), map[TopicPartition]int32{{"a", 0}: p.LeaderEpoch, {"gone", 3}: 1})
	if err != nil || len(ends) != 1 || ends[TopicPartition{"a", 0}] != 7 {
		t.Errorf("the epoch ends at %v, %v", ends, err)
	}
	if ends, err := asked.EpochEnds(t.Context(), nil); err != nil || len(ends) != 0 {
		t.Errorf("of no partition: %v, %v", ends, err)
	}
}

func TestCommitted(t *testing.T) {
	cluster := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(2, "a"))
	member, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	for group, at := range map[string]int64{"g": 3, "h": 4} {
		var offsets kadm.Offsets
		offsets.AddOffset("a", 1, at, -1)
		if err := kadm.NewClient(member).CommitAllOffsets(t.Context(), group, offsets); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client(t, Config{Bootstrap: cluster.ListenAddrs()}).Committed(t.Context())
	if err != nil || len(got) != 2 || got["g"][TopicPartition{"a", 1}] != 3 || got["h"][TopicPartition{"a", 1}] != 4 {
		t.Errorf("committed are %v, %v", got, err)
	}
}

// TestOpenTransactions is one that its coordinator knows, and one that it does not.
func TestOpenTransactions(t *testing.T) {
	cluster := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(1, "a"))
	producer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.TransactionalID("tx"), kgo.DefaultProduceTopic("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	asked := client(t, Config{Bootstrap: cluster.ListenAddrs()})
	at := []TopicPartition{{"a", 0}}
	open := func() []Transaction {
		t.Helper()
		all, err := asked.OpenTransactions(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if got := open(); len(got) != 0 {
		t.Errorf("open before it begins: %+v", got)
	}
	if err := producer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := producer.ProduceSync(t.Context(), &kgo.Record{Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if got := open(); len(got) != 1 || got[0].Hanging || got[0].StartOffset != 0 || got[0].TopicPartition != at[0] {
		t.Errorf("under way: %+v", got)
	}
	cluster.ControlKey(kmsg.ListTransactions.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return &kmsg.ListTransactionsResponse{Version: req.GetVersion()}, nil, true
	})
	if got := open(); len(got) != 1 || !got[0].Hanging {
		t.Errorf("unknown to its coordinator: %+v", got)
	}
}

func TestBrokerOf(t *testing.T) {
	o := &Observation{Brokers: []Broker{{ID: 100, Host: "kafka-broker-0.kafka-headless.ns.svc"}, {ID: 5, Host: "10.0.0.7"}}}
	for node, want := range map[string]int32{"kafka-broker-0": 100, "my-cluster-broker-3": 3, "7": 7, "by-address": 5} {
		var hosts []string
		if node == "by-address" {
			hosts = []string{"10.0.0.7"}
		}
		if id, ok := o.BrokerOf(node, hosts...); !ok || id != want {
			t.Errorf("node %s is broker %d, %v, want %d", node, id, ok, want)
		}
	}
	if id, ok := o.BrokerOf("kafka"); ok {
		t.Errorf("node kafka is broker %d, nobody can know", id)
	}
	shared := &Observation{Brokers: []Broker{{ID: 1, Host: "10.0.0.7", Port: 9092}, {ID: 2, Host: "10.0.0.7", Port: 9093}}}
	if id, _ := shared.BrokerOf("kafka-2", "10.0.0.7"); id != 2 {
		t.Errorf("of two brokers at one address kafka-2 is %d", id)
	}
}

// TestTooMany is an answer with more partitions than are kept.
func TestTooMany(t *testing.T) {
	cluster := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "a"))
	cluster.ControlKey(kmsg.Metadata.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := &kmsg.MetadataResponse{Version: req.GetVersion(), Brokers: []kmsg.MetadataResponseBroker{{NodeID: 0, Host: "127.0.0.1", Port: 1}}}
		if asked, ok := req.(*kmsg.MetadataRequest); ok && asked.Topics == nil {
			name := "a"
			resp.Topics = []kmsg.MetadataResponseTopic{{Topic: &name, Partitions: make([]kmsg.MetadataResponseTopicPartition, maxPartitions+1)}}
		}
		return resp, nil, true
	})
	if _, err := client(t, Config{Bootstrap: cluster.ListenAddrs()}).Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 200000 are not observed") {
		t.Errorf("got %v", err)
	}
}
