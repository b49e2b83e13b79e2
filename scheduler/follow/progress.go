package follow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/scheduler/texts"
)

const megabyte = 1_000_000

// caughtUp is the number of partitions in which the broker is in sync, and that
// have a leader.
func caughtUp(s kafka.Sync) int {
	if !s.Joined {
		return 0
	}
	return s.Replicas - len(waiting(s))
}

// waiting are the partitions that the broker is not in sync in, or that have no
// leader.
func waiting(s kafka.Sync) []kafka.TopicPartition {
	all := slices.Clone(s.Leaderless)
	for _, tp := range s.Behind {
		if !slices.Contains(s.Leaderless, tp) {
			all = append(all, tp)
		}
	}
	return all
}

// progress says how far a broker is that is not in sync.
func progress(s kafka.Sync) string {
	if !s.Joined {
		return fmt.Sprintf("broker %d has not joined the cluster yet, or does not answer", s.Broker)
	}
	text := fmt.Sprintf("broker %d is in sync in %d of %s", s.Broker, caughtUp(s), kafka.Count(int64(s.Replicas), "partition"))
	if s.Missing > 0 {
		text += fmt.Sprintf(", about %s MB to fetch", kafka.Thousands((s.Missing+megabyte-1)/megabyte))
	}
	if len(s.Leaderless) > 0 {
		text += "; without a leader: " + named(s.Leaderless)
	}
	return text
}

func named(all []kafka.TopicPartition) string {
	names := make([]string, min(len(all), texts.MaxNamed))
	for i := range names {
		names[i] = all[i].String()
	}
	text := strings.Join(names, ", ")
	if more := len(all) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
