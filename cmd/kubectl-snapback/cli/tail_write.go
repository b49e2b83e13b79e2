package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/properties"
)

// Names of the files that MirrorMaker 2 is started with.
const (
	mirrorFile  = "mirror.properties"
	offsetsFile = "mirror-offsets.txt"
)

// tailRows is a table of the lost ranges, and of their copies.
func tailRows(tails []kafka.Tail) [][]string {
	rows := [][]string{{"PARTITION", "FROM", "TO", "RECORDS", "COPY"}}
	for _, t := range tails {
		where := t.Why
		if where == "" {
			where = fmt.Sprintf("offsets %d to %d there", t.CopyFrom, t.CopyTo-1)
		}
		listed := v1alpha1.LostPartition{Topic: t.Topic, Partition: t.Partition, From: t.From, To: t.To, Exactness: string(t.Exactness)}
		rows = append(rows, []string{t.TopicPartition.String(), fmt.Sprint(t.From), fmt.Sprint(t.To), inventory.LostRecords(listed), where})
	}
	return rows
}

// writeMirror writes MirrorMaker 2's files, and says how it is run with them.
func (o *options) writeMirror(dir string, from properties.Client, to string, tails []kafka.Tail, starts, ends map[kafka.TopicPartition]int64) error {
	if !slices.ContainsFunc(tails, func(t kafka.Tail) bool { return t.Why == "" }) {
		return errors.New("no lost range can be fetched from the other cluster: COPY says why")
	}
	config, offsets := filepath.Join(dir, mirrorFile), filepath.Join(dir, offsetsFile)
	for file, text := range map[string]string{config: kafka.MirrorConfig(strings.Join(from.Bootstrap, ","), to, from.Settings, tails), offsets: kafka.MirrorStart(tails, starts, ends)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return fmt.Errorf("write MirrorMaker 2's files: %w", err)
		}
	}
	fmt.Fprintf(o.Out, `
Written: %[1]s and %[2]s. Stop the mirror that makes the copy, and run MirrorMaker 2 of Kafka 3.5 or newer once:

  kafka-topics.sh --bootstrap-server %[3]s --create --topic %[4]s --partitions 1 --config cleanup.policy=compact
  kafka-console-producer.sh --bootstrap-server %[3]s --topic %[4]s --property parse.key=true < %[2]s
  connect-mirror-maker.sh %[1]s

Stop it when the topics no longer grow, and delete its topics of progress:

  kafka-topics.sh --bootstrap-server %[3]s --delete --topic '%[5]s'
`, config, offsets, to, kafka.MirrorOffsets, strings.Replace(strings.ReplaceAll(kafka.MirrorOffsets, ".", "[.]"), "offsets", "(offsets|configs|status)", 1))
	return nil
}
