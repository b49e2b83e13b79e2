package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Produce writes the records to a topic of one partition, which it creates if
// it must, and returns when all are acknowledged.
func Produce(ctx context.Context, addr, topic string, records [][]byte) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic))
	if err != nil {
		return fmt.Errorf("connect to broker %s: %w", addr, err)
	}
	defer client.Close()
	// kfake writes down at once what is created so, and not what it makes up
	// when a record comes.
	created, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, topic)
	if err = errors.Join(err, created.Err); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s on %s: %w", topic, addr, err)
	}
	batch := make([]*kgo.Record, len(records))
	for i, r := range records {
		batch[i] = &kgo.Record{Value: r}
	}
	if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		return fmt.Errorf("produce to topic %s on %s: %w", topic, addr, err)
	}
	return nil
}

// Consume reads all records of a topic, from its beginning to the end that it
// has now. A topic that does not exist has none.
func Consume(ctx context.Context, addr, topic string) ([][]byte, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, fmt.Errorf("connect to broker %s: %w", addr, err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s for the end of topic %s: %w", addr, topic, err)
	}
	var want int64
	ends.Each(func(o kadm.ListedOffset) {
		if o.Topic == topic {
			want += o.Offset
		}
	})
	var records [][]byte
	for int64(len(records)) < want {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("consume topic %s on %s, after %d of %d records: %w", topic, addr, len(records), want, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { records = append(records, r.Value) })
	}
	return records, nil
}
