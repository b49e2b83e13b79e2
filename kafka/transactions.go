package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OpenTransactions implements [Cluster]. Whether a transaction hangs is decided as
// kafka-transactions.sh find-hanging does (KIP-664). If the coordinators cannot be
// asked, that is an error.
func (c *Client) OpenTransactions(ctx context.Context, partitions []TopicPartition) ([]Transaction, error) {
	open, err := c.openIn(ctx, partitions)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	known, err := c.transactions(ctx, open)
	if err != nil {
		return nil, err
	}
	for n := range open {
		open[n].Hanging = !slices.ContainsFunc(known[open[n].ProducerID], open[n].belongsTo)
	}
	return c.stillOpen(ctx, open, partitions)
}

// stillOpen asks again, and leaves out the transactions that ended while their
// coordinators were asked.
func (c *Client) stillOpen(ctx context.Context, open []Transaction, partitions []TopicPartition) ([]Transaction, error) {
	if !slices.ContainsFunc(open, func(t Transaction) bool { return t.Hanging }) {
		return open, nil
	}
	again, err := c.openIn(ctx, partitions)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(open, func(t Transaction) bool {
		return !slices.ContainsFunc(again, func(a Transaction) bool { return a.compare(t) == 0 })
	}), nil
}

// openIn asks the leaders of the partitions for their open transactions.
func (c *Client) openIn(ctx context.Context, partitions []TopicPartition) ([]Transaction, error) {
	topics, _ := byTopic(partitions)
	wanted := map[TopicPartition]bool{}
	for _, tp := range partitions {
		wanted[tp] = true
	}
	led, err := c.byLeader(ctx, func(tp TopicPartition) bool { return wanted[tp] }, topics...)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var open []Transaction
	var failed error
	each(ctx, slices.Sorted(maps.Keys(led)), func(ctx context.Context, broker int32) {
		resp, err := askBroker[*kmsg.DescribeProducersResponse](ctx, c, broker, producersRequest(led[broker]))
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = fmt.Errorf("ask broker %d for the producers of its partitions: %w", broker, err)
			return
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				for _, producer := range p.ActiveProducers {
					if producer.CurrentTxnStartOffset >= 0 {
						open = append(open, Transaction{TopicPartition: TopicPartition{t.Topic, p.Partition}, ProducerID: producer.ProducerID,
							ProducerEpoch: int16(producer.ProducerEpoch), CoordinatorEpoch: producer.CoordinatorEpoch, StartOffset: producer.CurrentTxnStartOffset})
					}
				}
			}
		}
	})
	slices.SortFunc(open, Transaction.compare)
	return open, failed
}

func producersRequest(partitions []TopicPartition) *kmsg.DescribeProducersRequest {
	req := kmsg.NewPtrDescribeProducersRequest()
	topics, numbers := byTopic(partitions)
	for _, name := range topics {
		topic := kmsg.NewDescribeProducersRequestTopic()
		topic.Topic, topic.Partitions = name, numbers[name]
		req.Topics = append(req.Topics, topic)
	}
	return req
}

// transactions returns what the coordinators know of the producers' transactions,
// by producer id. Each broker is asked about those that it coordinates.
func (c *Client) transactions(ctx context.Context, open []Transaction) (map[int64][]coordinated, error) {
	brokers, err := c.brokers(ctx)
	if err != nil {
		return nil, err
	}
	var producers []int64
	for _, t := range open {
		producers = append(producers, t.ProducerID)
	}
	slices.Sort(producers)
	producers = slices.Compact(producers)
	var mu sync.Mutex
	known := map[int64][]coordinated{}
	var failed error
	each(ctx, brokers, func(ctx context.Context, broker int32) {
		found, err := c.coordinatedBy(ctx, broker, producers)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = fmt.Errorf("ask broker %d for the transactions that are under way: %w", broker, err)
			return
		}
		for _, t := range found {
			known[t.ProducerID] = append(known[t.ProducerID], t)
		}
	})
	return known, failed
}

// coordinated is a transaction as its coordinator has it.
type coordinated = kmsg.DescribeTransactionsResponseTransactionState

func (c *Client) coordinatedBy(ctx context.Context, broker int32, producers []int64) ([]coordinated, error) {
	list := kmsg.NewPtrListTransactionsRequest() // the client writes the version into it
	list.ProducerIDFilters = producers
	listed, err := askBroker[*kmsg.ListTransactionsResponse](ctx, c, broker, list)
	if err == nil {
		err = kerr.ErrorForCode(listed.ErrorCode)
	}
	if err != nil || len(listed.TransactionStates) == 0 {
		return nil, err
	}
	describe := kmsg.NewPtrDescribeTransactionsRequest()
	for _, t := range listed.TransactionStates {
		describe.TransactionalIDs = append(describe.TransactionalIDs, t.TransactionalID)
	}
	described, err := askBroker[*kmsg.DescribeTransactionsResponse](ctx, c, broker, describe)
	if err != nil {
		return nil, err
	}
	return described.TransactionStates, nil
}

// belongsTo reports whether the coordinator's transaction includes this one, and
// will end it.
func (t Transaction) belongsTo(of coordinated) bool {
	if of.ErrorCode != 0 { // it may know it, and be loading
		return true
	}
	switch of.State {
	case "Ongoing", "PrepareCommit", "PrepareAbort", "PrepareEpochFence":
		return of.ProducerEpoch >= t.ProducerEpoch && slices.ContainsFunc(of.Topics, func(in kmsg.DescribeTransactionsResponseTransactionStateTopic) bool {
			return in.Topic == t.Topic && slices.Contains(in.Partitions, t.Partition)
		})
	}
	return false
}

// compare orders transactions. Two are the same if they begin at the same offset.
func (t Transaction) compare(other Transaction) int {
	return cmp.Or(cmp.Compare(t.Topic, other.Topic), cmp.Compare(t.Partition, other.Partition), cmp.Compare(t.StartOffset, other.StartOffset))
}
