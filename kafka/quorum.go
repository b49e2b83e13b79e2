package kafka

import (
	"cmp"
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// observeQuorum adds the KRaft quorum. Clusters with ZooKeeper have none, and who
// may not describe the cluster does without.
func (c *Client) observeQuorum(ctx context.Context, o *Observation) {
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, topic)
	if resp, err := askAny[*kmsg.DescribeQuorumResponse](ctx, c, req); err == nil && resp.ErrorCode == 0 {
		o.Quorum = quorumOf(resp)
	}
}

func quorumOf(resp *kmsg.DescribeQuorumResponse) *Quorum {
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				continue
			}
			q := &Quorum{Leader: p.LeaderID}
			for _, v := range p.CurrentVoters {
				q.Voters = append(q.Voters, Voter{v.ReplicaID, v.LogEndOffset})
			}
			slices.SortFunc(q.Voters, func(a, b Voter) int { return cmp.Compare(a.ID, b.ID) })
			return q
		}
	}
	return nil
}
