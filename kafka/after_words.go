package kafka

import (
	"fmt"
	"strings"
	"time"
)

// Problems reports whether anything was found that a person should know of or
// mend.
func (a Aftermath) Problems() bool {
	return a.Observed.IsZero() || a.OtherCluster || a.Omitted > 0 ||
		len(a.Losses)+len(a.Unknown)+len(a.Beyond)+len(a.Hanging)+len(a.Unclean)+len(a.MadeAgain)+len(a.Gone) > 0
}

// Words says in one line what came back and what is gone.
func (a Aftermath) Words() string {
	said := []string{a.lossWords()}
	add := func(n int, what, noun string) {
		if n > 0 {
			said = append(said, what+" "+Count(int64(n), noun))
		}
	}
	add(len(a.Unknown), "no answer about", "partition")
	add(a.Omitted, "nothing recorded about", "partition")
	add(a.internal(), "Kafka's own topics went back in", "partition")
	add(len(a.Beyond), "groups have committed lost offsets in", "partition")
	add(len(a.Hanging), "hanging:", "transaction")
	add(len(a.Unclean), "the leader lacks records, or may, in", "partition")
	add(len(a.MadeAgain), "deleted and made again:", "topic")
	add(len(a.Gone), "not in the cluster any more:", "topic")
	return strings.Join(said, "; ")
}

func (a Aftermath) internal() (n int) {
	for _, l := range a.Losses {
		if l.Internal() {
			n++
		}
	}
	return n
}

func (a Aftermath) lossWords() string {
	switch at := a.Observed.UTC().Format(time.RFC3339); {
	case a.Observed.IsZero():
		return "what is gone is not known: Kafka was not observed before the loss"
	case a.OtherCluster:
		return "what is gone is not known: Kafka had another cluster id when it was observed at " + at
	case a.Partitions == 0:
		return "no partition could be compared with what Kafka had at " + at
	case len(a.Losses) == a.internal():
		return fmt.Sprintf("nothing is gone of what %s had at %s", Count(int64(a.Partitions), "partition"), at)
	default:
		records, how := a.Sum()
		words := LossWords(records, len(a.Losses)-a.internal(), how == AtMost || how == About, how == AtLeast || how == About)
		return fmt.Sprintf("%s that were there at %s are gone, and what was written from then until the loss", words, at)
	}
}

// Compared reports whether what is gone is known of any partition.
func (a Aftermath) Compared() bool {
	return !a.Observed.IsZero() && !a.OtherCluster && a.Partitions > 0
}
