package kafka

import (
	"fmt"
	"regexp"
	"strings"
)

// bare are the words that a shell takes as they are.
var bare = regexp.MustCompile(`^[A-Za-z0-9._:/=,@%+-]+$`)

// quote returns a word for a shell.
func quote(word string) string {
	if bare.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// ResetOffsets is the command that sets a group back to an offset; [NoOffset]: to
// the end of the log. Kafka refuses it while the group has members.
func ResetOffsets(bootstrap, group string, tp TopicPartition, to int64) string {
	where := "--to-latest"
	if to >= 0 {
		where = fmt.Sprintf("--to-offset %d", to)
	}
	return fmt.Sprintf("kafka-consumer-groups.sh --bootstrap-server %s --group %s --topic %s:%d --reset-offsets %s --execute",
		quote(bootstrap), quote(group), quote(tp.Topic), tp.Partition, where)
}

// AbortTransaction is the command that ends a hanging transaction.
func AbortTransaction(bootstrap string, tp TopicPartition, start int64) string {
	return fmt.Sprintf("kafka-transactions.sh --bootstrap-server %s abort --topic %s --partition %d --start-offset %d",
		quote(bootstrap), quote(tp.Topic), tp.Partition, start)
}

// ElectUnclean is the command that makes a replica leader that is not in sync,
// while no other one is up.
func ElectUnclean(bootstrap string, tp TopicPartition) string {
	return fmt.Sprintf("kafka-leader-election.sh --bootstrap-server %s --election-type unclean --topic %s --partition %d",
		quote(bootstrap), quote(tp.Topic), tp.Partition)
}

// ElectPreferred is the command for a partition that has no leader although its
// replica is up.
func ElectPreferred(bootstrap string, tp TopicPartition) string {
	return fmt.Sprintf("kafka-leader-election.sh --bootstrap-server %s --election-type preferred --topic %s --partition %d",
		quote(bootstrap), quote(tp.Topic), tp.Partition)
}
