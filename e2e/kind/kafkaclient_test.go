package kind

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/kafka"
)

// kafkaPatience is the limit for what Kafka does when it starts, on a busy machine.
const kafkaPatience = 5 * time.Minute

// The topics, with a partition for each broker.
const (
	sharedTopic = "shared" // every broker has all of it
	aloneTopic  = "alone"  // a broker is the only one that has its partition
)

// written is how many records were acknowledged in each topic, numbered from 0.
type written struct{ shared, alone int }

// client makes a client that reaches the brokers through the apiserver.
func (k *kafkaCluster) client(opts ...kgo.Opt) (*kgo.Client, error) {
	made, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(bootstrap(k.namespace)), kgo.Dialer(k.forwarder.Dial),
		kgo.MetadataMinAge(100 * time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	return made, nil
}

// observe asks Kafka, through the apiserver, until its answer is as wanted.
func (k *kafkaCluster) observe(ctx context.Context, wanted func(*kafka.Observation) error) error {
	asked, err := kafka.NewClient(kafka.Config{Bootstrap: []string{bootstrap(k.namespace)}, Dial: k.forwarder.Dial})
	if err != nil {
		return err
	}
	defer asked.Close()
	return cluster.Eventually(ctx, kafkaPatience, func(ctx context.Context) error {
		o, err := asked.Observe(ctx)
		if err != nil {
			return err
		}
		return wanted(o)
	})
}

// registered is an error unless all brokers take part in the cluster.
func registered(o *kafka.Observation) error {
	if len(o.Brokers) != brokers || len(o.Silent) > 0 {
		return fmt.Errorf("%d of %d brokers are registered, and these do not answer: %v", len(o.Brokers), brokers, o.Silent)
	}
	return nil
}

// inSync waits until Kafka has all brokers in sync in all of their partitions.
func (k *kafkaCluster) inSync(ctx context.Context) error {
	return k.observe(ctx, func(o *kafka.Observation) error {
		errs := []error{registered(o)}
		for id := range int32(brokers) {
			if s := o.Sync(id); !s.Done() || s.Replicas == 0 {
				errs = append(errs, fmt.Errorf("broker %d is not in sync: %+v", id, s))
			}
		}
		return errors.Join(errs...)
	})
}

// createTopics waits for the brokers and creates the topics.
func (k *kafkaCluster) createTopics(ctx context.Context) error {
	if err := k.observe(ctx, registered); err != nil {
		return k.explained(err)
	}
	made, err := k.client()
	if err != nil {
		return err
	}
	defer made.Close()
	admin := kadm.NewClient(made)
	for topic, replicas := range map[string]int16{sharedTopic: brokers, aloneTopic: 1} {
		config := map[string]*string{"min.insync.replicas": ptr.To(strconv.Itoa(int(min(2, replicas))))}
		created, err := admin.CreateTopic(ctx, brokers, replicas, config, topic)
		if err = errors.Join(err, created.Err); err != nil {
			return fmt.Errorf("create topic %s: %w", topic, err)
		}
	}
	return k.inSync(ctx)
}

// produce writes records to both topics and returns when all are acknowledged.
func (k *kafkaCluster) produce(ctx context.Context, n int) error {
	if err := k.produceShared(ctx, n); err != nil {
		return err
	}
	return k.produceTo(ctx, aloneTopic, &k.written.alone, n)
}

// produceShared writes to the replicated topic alone.
func (k *kafkaCluster) produceShared(ctx context.Context, n int) error {
	return k.produceTo(ctx, sharedTopic, &k.written.shared, n)
}

func (k *kafkaCluster) produceTo(ctx context.Context, topic string, written *int, n int) error {
	producer, err := k.client()
	if err != nil {
		return err
	}
	defer producer.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	records := make([]*kgo.Record, n)
	for i := range records {
		number := *written + i
		records[i] = &kgo.Record{Topic: topic, Partition: int32(number % brokers), Value: fmt.Appendf(nil, "%s %d", k.id, number)}
	}
	// In several batches, so that a log has a middle that can be damaged.
	for some := range slices.Chunk(records, 100) {
		if err := producer.ProduceSync(ctx, some...).FirstErr(); err != nil {
			return fmt.Errorf("produce to topic %s: %w", topic, err)
		}
	}
	*written += n
	return nil
}

// sameRecords is an error unless the topics hold each record that was acknowledged
// once, and no others.
func (k *kafkaCluster) sameRecords(ctx context.Context) error {
	return errors.Join(k.holds(ctx, sharedTopic, k.written.shared), k.holds(ctx, aloneTopic, k.written.alone))
}

func (k *kafkaCluster) holds(ctx context.Context, topic string, want int) error {
	values, err := k.consume(ctx, topic)
	if err != nil {
		return err
	}
	slices.Sort(values)
	there := len(values)
	values = slices.Compact(values)
	for number := range want {
		if _, found := slices.BinarySearch(values, fmt.Sprintf("%s %d", k.id, number)); !found {
			return fmt.Errorf("topic %s has %d records, and of %d that were acknowledged not number %d", topic, there, want, number)
		}
	}
	if there != want {
		return fmt.Errorf("topic %s has %d records, %d were acknowledged", topic, there, want)
	}
	return nil
}

// consume reads a topic from its beginning to the end that it has now.
func (k *kafkaCluster) consume(ctx context.Context, topic string) (values []string, err error) {
	consumer, err := k.client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ends, err := kadm.NewClient(consumer).ListEndOffsets(ctx, topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return nil, fmt.Errorf("ask for the end of topic %s: %w", topic, err)
	}
	var want, next int64 // compared in sum: each partition only grows
	ends.Each(func(o kadm.ListedOffset) { want += o.Offset })
	for next < want {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil && !errors.Is(err, kerr.NotLeaderForPartition) {
			return nil, fmt.Errorf("consume topic %s, after %d of %d records: %w", topic, next, want, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next++
			values = append(values, string(r.Value))
		})
	}
	return values, nil
}
