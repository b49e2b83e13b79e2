package cli

import (
	"cmp"
	"fmt"
	"io"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
)

// printAfter prints what Kafka has made of restores.
func printAfter(out io.Writer, cluster, namespace string, restores []inventory.Restore) error {
	for _, r := range restores {
		about := fmt.Sprintf("Claim %s (broker %s)", r.PersistentVolumeClaim, cmp.Or(r.Broker, "not known"))
		if r.Waiting != "" {
			fmt.Fprintf(out, "%s: %s\n", about, r.Report())
			continue
		}
		fmt.Fprintf(out, "%s, %s\n", about, r.Report())
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
		rows = append(rows, []string{"  " + tp.String(), fmt.Sprint(l.From), fmt.Sprint(l.To), inventory.LostRecords(l)})
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
		fmt.Fprintln(out, "    "+inventory.ClusterKey{Namespace: namespace, Name: cluster}.Command("tail", "--from-cluster", "HOST:9092"))
	}
	return nil
}

// printMending prints the other problems, each with the command that mends it.
func printMending(out io.Writer, r inventory.Restore) {
	for _, m := range r.Mending() {
		fmt.Fprintf(out, "\n  %s\n", m.Says)
		if m.Command != "" {
			fmt.Fprintln(out, "    "+m.Command)
		}
	}
}
