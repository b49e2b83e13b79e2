package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
)

// printAfter prints what Kafka has made of restores.
func printAfter(out io.Writer, cluster, namespace string, restores []inventory.Restore) error {
	for _, r := range restores {
		about := fmt.Sprintf("Claim %s (broker %s)", r.PersistentVolumeClaim, cmp.Or(r.Broker, "not known"))
		if r.Waiting != "" {
			fmt.Fprintf(out, "%s: no report: %s\n", about, r.Waiting)
			continue
		}
		fmt.Fprintf(out, "%s, in sync after %s: %s\n", about, duration.HumanDuration(r.Kafka.InSyncTime.Sub(r.RequestedTime.Time)), r.Kafka.Message)
		if err := printLost(out, cluster, namespace, r.Kafka); err != nil {
			return err
		}
		printMending(out, r)
	}
	return nil
}

// printLost prints the lost ranges.
func printLost(out io.Writer, cluster, namespace string, k *v1alpha1.RestoreReport) error {
	if len(k.LostPartitions) == 0 {
		return nil
	}
	rows := [][]string{{"  PARTITION", "FROM", "TO", "RECORDS"}}
	fetch := false
	for _, l := range k.LostPartitions {
		tp := kafka.TopicPartition{Topic: l.Topic, Partition: l.Partition}
		fetch = fetch || !tp.Internal()
		rows = append(rows, []string{"  " + tp.String(), fmt.Sprint(l.From), fmt.Sprint(l.To), exactly(l)})
	}
	fmt.Fprintln(out)
	if err := table(out, rows); err != nil {
		return err
	}
	if more := int(k.PartitionsLost) - len(k.LostPartitions); more > 0 {
		fmt.Fprintf(out, "  and %s more\n", kafka.Count(int64(more), "partition"))
	}
	if fetch {
		fmt.Fprintln(out, "\n  Fetch them from another cluster that has a copy, or ask the producers to send them again:")
		fmt.Fprintf(out, "    kubectl snapback tail %s -n %s --from-cluster HOST:9092\n", cluster, namespace)
	}
	return nil
}

// exactly says how many records a lost range had.
func exactly(l v1alpha1.LostPartition) string {
	how := kafka.Exactness(l.Exactness)
	return strings.TrimSuffix(kafka.LossWords(l.To-l.From, 1, how == kafka.AtMost || how == kafka.About, how == kafka.AtLeast || how == kafka.About), " of 1 partition")
}

// printMending prints the other problems, each with the command that mends it.
func printMending(out io.Writer, r inventory.Restore) {
	k, commands := r.Kafka, false
	problem := func(format string, args ...any) { fmt.Fprintf(out, "\n  "+format+"\n", args...) }
	command := func(text string) {
		fmt.Fprintln(out, "    "+text)
		commands = true
	}
	for _, g := range k.GroupsBeyondEnd {
		tp := kafka.TopicPartition{Topic: g.Topic, Partition: g.Partition}
		if g.Committed > g.End {
			problem("Group %s stands at %d of %s, which ends at %d. Stop its members, and set it back:", g.Group, g.Committed, tp, g.End)
		} else {
			problem("Group %s stands at %d of %s, an offset that was given to a new record. If it has read nothing since the restore, stop its members, and set it back:", g.Group, g.Committed, tp)
		}
		to := int64(kafka.NoOffset)
		if g.ResetTo != nil {
			to = *g.ResetTo
		}
		command(kafka.ResetOffsets(r.Bootstrap, g.Group, tp, to))
	}
	for _, t := range k.HangingTransactions {
		tp := kafka.TopicPartition{Topic: t.Topic, Partition: t.Partition}
		problem("A transaction hangs in %s: consumers with read_committed stand still at %d. Abort it:", tp, t.StartOffset)
		command(kafka.AbortTransaction(r.Bootstrap, tp, t.StartOffset))
	}
	for _, u := range k.UncleanLeaders {
		tp := kafka.TopicPartition{Topic: u.Topic, Partition: u.Partition}
		problem("%s", unclean(u, tp))
		if len(u.Down) > 0 {
			command(kafka.ElectUnclean(r.Bootstrap, tp))
		}
	}
	if len(k.TopicsMadeAgain) > 0 {
		problem("Deleted and made again since the snapshot, what they had before is not counted: %s", strings.Join(k.TopicsMadeAgain, ", "))
	}
	if len(k.TopicsGone) > 0 {
		problem("Not in the cluster any more: %s. If nobody deleted them, the controllers are from before they were made: look for -stray folders in the log dirs",
			strings.Join(k.TopicsGone, ", "))
	}
	if commands && r.Secured {
		problem("Kafka's commands need --command-config FILE with the settings for TLS and SASL.")
	}
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
