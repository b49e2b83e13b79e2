package kafka

import (
	"fmt"
	"strconv"
)

// Words says what is lost: "nothing", or "at most 48,211 records of 3 partitions".
func (l Loss) Words() string {
	return LossWords(l.Records, l.Partitions, l.AtMost, l.AtLeast)
}

// LossWords says what is lost, as [Loss.Words] does.
func LossWords(records int64, partitions int, atMost, atLeast bool) string {
	if partitions == 0 {
		return "nothing"
	}
	of := " of " + Count(int64(partitions), "partition")
	switch {
	case records == 0 && atLeast:
		return "an unknown number of records" + of
	case atMost && atLeast:
		return "about " + Count(records, "record") + of
	case atMost:
		return "at most " + Count(records, "record") + of
	case atLeast:
		return "at least " + Count(records, "record") + of
	}
	return Count(records, "record") + of
}

// Count returns a number with its noun, in the plural where that is right: "48,211
// records".
func Count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Thousands(n) + " " + noun
}

// Thousands returns a number with commas between its thousands.
func Thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// String returns the partition as Kafka's log dirs name it: "orders-3".
func (tp TopicPartition) String() string { return fmt.Sprintf("%s-%d", tp.Topic, tp.Partition) }
