package kafka

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// bare are the words that a shell takes as they are.
var bare = regexp.MustCompile(`^[A-Za-z0-9._:/=,@%+-]+$`)

// ShellWord returns a text as one word of a shell, since people copy commands, and others
// than they may have chosen the names in these. A sign that steers a terminal is made
// unreadable: in a text that is pasted it could end the word.
func ShellWord(word string) string {
	if bare.MatchString(word) {
		return word
	}
	word = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, word)
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
		ShellWord(bootstrap), ShellWord(group), ShellWord(tp.Topic), tp.Partition, where)
}

// AbortTransaction is the command that ends a hanging transaction.
func AbortTransaction(bootstrap string, tp TopicPartition, start int64) string {
	return fmt.Sprintf("kafka-transactions.sh --bootstrap-server %s abort --topic %s --partition %d --start-offset %d",
		ShellWord(bootstrap), ShellWord(tp.Topic), tp.Partition, start)
}

// ElectUnclean is the command that makes a replica leader that is not in sync,
// while no other one is up.
func ElectUnclean(bootstrap string, tp TopicPartition) string {
	return fmt.Sprintf("kafka-leader-election.sh --bootstrap-server %s --election-type unclean --topic %s --partition %d",
		ShellWord(bootstrap), ShellWord(tp.Topic), tp.Partition)
}

// ElectPreferred is the command for a partition that has no leader although its
// replica is up.
func ElectPreferred(bootstrap string, tp TopicPartition) string {
	return fmt.Sprintf("kafka-leader-election.sh --bootstrap-server %s --election-type preferred --topic %s --partition %d",
		ShellWord(bootstrap), ShellWord(tp.Topic), tp.Partition)
}
