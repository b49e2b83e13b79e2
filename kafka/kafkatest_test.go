package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fake starts a Kafka cluster in this process, which ends with the test.
func fake(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

func client(t testing.TB, c Config) *Client {
	t.Helper()
	made, err := NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Close)
	return made
}

func observe(t testing.TB, c *Client) *Observation {
	t.Helper()
	o, err := c.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// produce writes n records to a partition.
func produce(t testing.TB, cluster *kfake.Cluster, tp TopicPartition, n int) {
	t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: tp.Topic, Partition: tp.Partition, Value: []byte("v")}
	}
	if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}
