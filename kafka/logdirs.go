package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// saysWhy is the version from which on an answer says that the user may not ask for
// log dirs (Kafka 3.2). An older one just has none.
const saysWhy = 3

// logDirs asks a broker for its log dirs, with what is in them.
func (c *Client) logDirs(ctx context.Context, broker int32) ([]LogDir, error) {
	resp, err := askBroker[*kmsg.DescribeLogDirsResponse](ctx, c, broker, kmsg.NewPtrDescribeLogDirsRequest())
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return nil, fmt.Errorf("ask broker %d for its log dirs: %w", broker, err)
	}
	if resp.Version < saysWhy && len(resp.Dirs) == 0 { // each broker has a log dir
		return nil, fmt.Errorf("ask broker %d for its log dirs: it names none: %w", broker, kerr.ClusterAuthorizationFailed)
	}
	var dirs []LogDir
	for _, d := range resp.Dirs {
		dir := LogDir{Broker: broker, Path: d.Dir, Err: kerr.ErrorForCode(d.ErrorCode)}
		n := 0
		for _, t := range d.Topics {
			n += len(t.Partitions)
		}
		dir.Replicas = make([]Replica, 0, n)
		for _, t := range d.Topics {
			for _, p := range t.Partitions {
				dir.Replicas = append(dir.Replicas, Replica{TopicPartition{t.Topic, p.Partition}, p.Size, p.OffsetLag, p.IsFuture})
			}
		}
		dirs = append(dirs, dir)
	}
	slices.SortFunc(dirs, func(a, b LogDir) int { return cmp.Compare(a.Path, b.Path) })
	return dirs, nil
}
