package inventory

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
)

// Report returns, in words, what Kafka has made of the restore, or why there is no
// report.
func (r Restore) Report() string {
	if r.Waiting != "" {
		return "no report: " + r.Waiting
	}
	return fmt.Sprintf("in sync after %s: %s", duration.HumanDuration(r.Kafka.InSyncTime.Sub(r.RequestedTime.Time)), r.Kafka.Message)
}

// LostRecords says how many records a lost range had.
func LostRecords(l v1alpha1.LostPartition) string {
	how := kafka.Exactness(l.Exactness)
	return strings.TrimSuffix(kafka.LossWords(l.To-l.From, 1, how == kafka.AtMost || how == kafka.About, how == kafka.AtLeast || how == kafka.About), " of 1 partition")
}

// Mend is something that is wrong after a restore, with the command that mends it.
type Mend struct {
	Says    string
	Command string // empty: no command mends it
}

// Mending returns what is wrong after the restore, beside the lost records.
func (r Restore) Mending() []Mend {
	var all []Mend
	if r.Kafka == nil {
		return nil
	}
	add := func(command, format string, args ...any) {
		all = append(all, Mend{fmt.Sprintf(format, args...), command})
	}
	for _, g := range r.Kafka.GroupsBeyondEnd {
		all = append(all, r.mendGroup(g))
	}
	for _, t := range r.Kafka.HangingTransactions {
		tp := kafka.TopicPartition{Topic: t.Topic, Partition: t.Partition}
		add(kafka.AbortTransaction(r.Bootstrap, tp, t.StartOffset), "A transaction hangs in %s: consumers with read_committed stand still at %d. Abort it:", tp, t.StartOffset)
	}
	for _, u := range r.Kafka.UncleanLeaders {
		tp, command := kafka.TopicPartition{Topic: u.Topic, Partition: u.Partition}, ""
		if len(u.Down) > 0 {
			command = kafka.ElectUnclean(r.Bootstrap, tp)
		}
		add(command, "%s", unclean(u, tp))
	}
	commands := slices.ContainsFunc(all, func(m Mend) bool { return m.Command != "" })
	if again := r.Kafka.TopicsMadeAgain; len(again) > 0 {
		add("", "Deleted and made again since the snapshot, what they had before is not counted: %s", strings.Join(again, ", "))
	}
	if gone := r.Kafka.TopicsGone; len(gone) > 0 {
		add("", "Not in the cluster any more: %s. If nobody deleted them, the controllers are from before they were made: look for -stray folders in the log dirs", strings.Join(gone, ", "))
	}
	if commands && r.Secured {
		add("", "Kafka's commands need --command-config FILE with the settings for TLS and SASL.")
	}
	return all
}

// mendGroup says how a consumer group is set back that has committed what is gone.
func (r Restore) mendGroup(g v1alpha1.GroupBeyondEnd) Mend {
	tp := kafka.TopicPartition{Topic: g.Topic, Partition: g.Partition}
	says := fmt.Sprintf("Group %s stands at %d of %s, an offset that was given to a new record. If it has read nothing since the restore, stop its members, and set it back:", g.Group, g.Committed, tp)
	if g.Committed > g.End {
		says = fmt.Sprintf("Group %s stands at %d of %s, which ends at %d. Stop its members, and set it back:", g.Group, g.Committed, tp, g.End)
	}
	to := int64(kafka.NoOffset)
	if g.ResetTo != nil {
		to = *g.ResetTo
	}
	return Mend{says, kafka.ResetOffsets(r.Bootstrap, g.Group, tp, to)}
}

// unclean says what is wrong with the leader of a partition.
func unclean(u v1alpha1.UncleanLeader, tp kafka.TopicPartition) string {
	lacks := "may lack records"
	if u.Lost {
		lacks = "lacks records"
	}
	text := fmt.Sprintf("%s is led by broker %d, which %s: the other replicas are cut to it.", tp, u.Leader, lacks)
	if len(u.Down) > 0 {
		text += fmt.Sprintf(" Of them %v did not run, and may have more. Keep them stopped, stop broker %d, start the one that has the most, and elect it. What was written since the restore is lost then:", u.Down, u.Leader)
	}
	return text
}
