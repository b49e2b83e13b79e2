package world

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

const (
	topic           = "numbers"
	produceEvery    = 100 * time.Millisecond
	produceLimit    = 5 * time.Second
	kafkaAskEvery   = time.Second
	kafkaAskWithin  = 5 * time.Second
	kafkaReadWithin = 3 * time.Minute
)

// use makes the topic once all brokers are there, and then writes to it and looks at it.
func (k *Kafka) use(ctx context.Context) {
	defer close(k.written)
	client, err := k.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordDeliveryTimeout(produceLimit),
		kgo.ProduceRequestTimeout(produceLimit), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1)) // Kafka may forget the ids of producers
	if err == nil {
		defer client.Close()
		err = k.makeTopics(ctx)
	}
	if err != nil {
		k.change(func(s *KafkaState) { s.Err = err })
		return
	}
	k.work.Go(func() { k.watch(ctx) })
	k.write(ctx, client)
}

// makeTopics tries until there is the topic. What it fails for is told meanwhile.
func (k *Kafka) makeTopics(ctx context.Context) error {
	for {
		err := k.makeTopic(ctx)
		if err == nil || errors.Is(err, kerr.TopicAlreadyExists) { // its answer had not come
			return nil
		}
		k.change(func(s *KafkaState) { s.Err = err })
		select {
		case <-ctx.Done():
			return err
		case <-time.After(kafkaAskEvery):
		}
	}
}

// makeTopic makes a topic with a replica on each broker, of which two must have a record
// before it is acknowledged.
func (k *Kafka) makeTopic(ctx context.Context) error {
	var replicas []int32
	for _, node := range k.cluster.Nodes() {
		replicas = append(replicas, int32(node))
	}
	if err := k.Eventually(ctx, k.Ready); err != nil {
		return fmt.Errorf("wait for the brokers of Apache Kafka: %w", err)
	}
	return k.CreateTopic(ctx, topic, map[string]string{"min.insync.replicas": "2"}, replicas)
}

// write sends one record after the other, and tells of those that are acknowledged.
func (k *Kafka) write(ctx context.Context, client *kgo.Client) {
	tick := time.NewTicker(produceEvery)
	defer tick.Stop()
	for number := int64(1); ctx.Err() == nil; number++ {
		sent := time.Now().UTC()
		if client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(strconv.FormatInt(number, 10))}).FirstErr() == nil {
			k.w.Log.Add(record.Record{Acked: &record.Acked{Number: number, Sent: sent}})
			k.change(func(s *KafkaState) { s.Acked = sent })
		}
		select {
		case <-ctx.Done():
		case <-k.stopWriting:
			return
		case <-tick.C:
		}
	}
}

// look is what all brokers said at once.
type look struct {
	began time.Time
	lives map[int]life
	epoch int32 // of the leader
}

// watch tells when all have been in sync for two looks, without a broker or the leader
// having changed. One alone could be of brokers that hear of changes late.
func (k *Kafka) watch(ctx context.Context) {
	client, err := k.Client()
	if err != nil {
		k.change(func(s *KafkaState) { s.Err = err })
		return
	}
	defer client.Close()
	tick := time.NewTicker(kafkaAskEvery)
	defer tick.Stop()
	var last look
	for ctx.Err() == nil {
		now, err := k.look(ctx, client)
		switch {
		case err != nil:
			now = look{}
			k.change(func(s *KafkaState) { s.Err = err })
		case now.epoch == last.epoch && maps.Equal(now.lives, last.lives):
			k.w.Log.Add(record.Record{InSync: &record.InSync{Since: last.began.UTC(), UIDs: uidsOf(now.lives)}})
			k.change(func(s *KafkaState) { s.InSync = last.began })
		}
		last = now
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func uidsOf(lives map[int]life) (uids []string) {
	for _, node := range slices.Sorted(maps.Keys(lives)) {
		uids = append(uids, lives[node].uid)
	}
	return uids
}

// look asks each broker for the replicas in sync. It is an error unless each says that all
// are: a broker that has come back answers only after it was taken out of them, so that
// it means itself.
func (k *Kafka) look(ctx context.Context, client *kgo.Client) (look, error) {
	l := look{began: time.Now(), lives: k.running()}
	nodes := k.cluster.Nodes()
	if len(l.lives) != len(nodes) {
		return l, fmt.Errorf("%d of %d brokers run", len(l.lives), len(nodes))
	}
	ctx, cancel := context.WithTimeout(ctx, kafkaAskWithin)
	defer cancel()
	epochs := make([]int32, len(nodes))
	var asked errgroup.Group
	for i, broker := range client.SeedBrokers() { // in the order of the nodes
		asked.Go(func() (err error) {
			if epochs[i], err = allInSync(ctx, broker, len(nodes)); err != nil {
				return fmt.Errorf("broker %d: %w", nodes[i], err)
			}
			return nil
		})
	}
	if err := asked.Wait(); err != nil {
		return l, err
	}
	if l.epoch = epochs[0]; slices.Min(epochs) != slices.Max(epochs) {
		return l, errors.New("brokers know different leaders")
	}
	if !maps.Equal(l.lives, k.running()) {
		return l, errors.New("a broker has ended meanwhile")
	}
	return l, nil
}

// allInSync asks a broker, and returns the epoch of the topic's leader.
func allInSync(ctx context.Context, broker *kgo.Broker, want int) (epoch int32, err error) {
	req := kmsg.NewPtrMetadataRequest()
	of := kmsg.NewMetadataRequestTopic()
	of.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, of)
	answer, err := broker.Request(ctx, req)
	if err != nil {
		return 0, err
	}
	topics := answer.(*kmsg.MetadataResponse).Topics
	if len(topics) != 1 || len(topics[0].Partitions) != 1 {
		return 0, errors.New("it does not know the topic")
	}
	p := topics[0].Partitions[0]
	if len(p.ISR) != want || p.Leader < 0 {
		return 0, fmt.Errorf("the leader is %d, and in sync are %v", p.Leader, p.ISR)
	}
	return p.LeaderEpoch, nil
}

// Read ends the writing, and tells which records can be read.
func (k *Kafka) Read(ctx context.Context) error {
	if k == nil {
		return nil
	}
	close(k.stopWriting)
	<-k.written
	ctx, cancel := context.WithTimeout(ctx, kafkaReadWithin)
	defer cancel()
	records, err := k.Consume(ctx, topic, 0)
	if err != nil {
		return fmt.Errorf("read what Apache Kafka has: %w", err)
	}
	var numbers []int64
	for _, r := range records {
		n, err := strconv.ParseInt(string(r.Value), 10, 64)
		if err != nil {
			return fmt.Errorf("read what Apache Kafka has at offset %d: %w", r.Offset, err)
		}
		numbers = append(numbers, n)
	}
	k.w.Log.Add(record.Record{Readable: &record.Readable{Ranges: record.Ranges(numbers)}})
	return nil
}
