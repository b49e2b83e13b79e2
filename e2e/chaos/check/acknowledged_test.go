package check

import (
	"strconv"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// kafkaBook is a book about the cluster of Apache Kafka. Its claims are named by the
// broker, and their UIDs by the broker and a letter.
type kafkaBook struct {
	*book
	disks  [3]string // UIDs
	number int64
}

// newKafkaBook has three brokers in sync on empty disks.
func newKafkaBook(t *testing.T) *kafkaBook {
	b := &kafkaBook{book: newBook(t)}
	b.in = "apache"
	for node := range b.disks {
		b.back(node, strconv.Itoa(node)+"a", "")
	}
	return b.inSync()
}

func (b *kafkaBook) pass(d time.Duration) *kafkaBook {
	b.after(d)
	return b
}

// acked has the next record acknowledged.
func (b *kafkaBook) acked() *kafkaBook {
	b.number++
	sent := b.now
	b.after(time.Second).add(record.Record{Acked: &record.Acked{Number: b.number, Sent: sent}})
	return b.pass(time.Second)
}

// inSync has all brokers in sync since a second ago.
func (b *kafkaBook) inSync() *kafkaBook {
	since := b.after(time.Second).now
	b.after(time.Second).add(record.Record{InSync: &record.InSync{Since: since, UIDs: b.disks[:]}})
	return b.pass(time.Second)
}

// lost loses a broker with its disk.
func (b *kafkaBook) lost(node int) *kafkaBook {
	b.ended(node, "its claim is gone").object("persistentvolumeclaims", kafkaDisk(node), nil)
	return b.pass(time.Second)
}

func (b *kafkaBook) ended(node int, why string) *kafkaBook {
	b.add(record.Record{Broker: &record.Broker{Node: node, UID: b.disks[node], Ended: why}})
	return b.pass(time.Second)
}

// back starts a broker on a new disk from a snapshot; empty: from none.
func (b *kafkaBook) back(node int, uid, source string) *kafkaBook {
	b.disks[node] = uid
	b.claim(kafkaDisk(node), uid, source)
	return b.starts(node)
}

func (b *kafkaBook) starts(node int) *kafkaBook {
	b.add(record.Record{Broker: &record.Broker{Node: node, UID: b.disks[node]}})
	return b.pass(time.Second)
}

// cut takes a snapshot of a broker's disk.
func (b *kafkaBook) cut(node int, name string) *kafkaBook {
	b.snapshot(name, name, kafkaDisk(node), b.disks[node])
	return b.pass(time.Second)
}

// reads says what the check finds if records can be read, given as firsts and lasts.
func (b *kafkaBook) reads(ranges ...[2]int64) *kafkaVerdict {
	b.add(record.Record{Readable: &record.Readable{Ranges: ranges}})
	return &kafkaVerdict{b}
}

type kafkaVerdict struct{ *kafkaBook }

func kafkaDisk(node int) string { return "data-0-kafka-broker-" + strconv.Itoa(node) }

// found is nothing, or that records are gone that had to be there.
func (v *kafkaVerdict) found(words ...string) {
	v.t.Helper()
	v.only("acknowledged").want(words...)
}

func TestAcknowledged(t *testing.T) {
	all := [2]int64{1, 2}
	newKafkaBook(t).acked().acked().reads(all).found()
	newKafkaBook(t).acked().acked().reads([2]int64{1, 1}).found("1 records, from number 2")
	newKafkaBook(t).acked().acked().reads().found("2 records, from number 1")

	// One broker is lost, and comes back older or empty: the others have all.
	old := func() *kafkaBook { return newKafkaBook(t).cut(0, "0-early").cut(1, "1-early").acked().inSync() }
	old().lost(0).back(0, "0b", "0-early").inSync().acked().reads([2]int64{2, 2}).found("1 records, from number 1")
	old().lost(0).back(0, "0b", "").inSync().acked().reads([2]int64{2, 2}).found("1 records, from number 1")

	// The next one is lost once all are in sync again, or before.
	old().lost(0).back(0, "0b", "0-early").inSync().lost(1).back(1, "1b", "1-early").inSync().reads().found("1 records")
	old().lost(0).back(0, "0b", "0-early").lost(1).back(1, "1b", "1-early").inSync().reads().found()

	// Both came back with the record: it has to be there.
	late := func() *kafkaBook { return old().cut(0, "0-late").cut(1, "1-late") }
	late().lost(0).lost(1).back(0, "0b", "0-late").back(1, "1b", "1-late").inSync().reads().found("1 records")
	late().lost(0).lost(1).back(0, "0b", "0-late").back(1, "1b", "1-early").inSync().reads().found()
	late().acked().lost(0).lost(1).back(0, "0b", "0-late").back(1, "1b", "1-late").inSync().reads([2]int64{1, 1}).found()
	late().acked().lost(0).lost(1).back(0, "0b", "0-late").back(1, "1b", "1-late").inSync().reads([2]int64{2, 2}).found("1 records, from number 1")
}

// TestAcknowledgedChain follows a record from a snapshot to the next.
func TestAcknowledgedChain(t *testing.T) {
	chain := func(first string) *kafkaBook {
		b := newKafkaBook(t).cut(0, "0-early").cut(1, "1-early").acked().inSync().cut(0, "0-late").cut(1, "1-late")
		b.lost(0).back(0, "0b", first).cut(0, "0-next") // of a disk that was never in sync
		return b.lost(0).lost(1).back(0, "0c", "0-next").back(1, "1b", "1-late").inSync()
	}
	chain("0-late").reads().found("1 records")
	chain("0-early").reads().found()
	chain("").reads().found()
}

// TestAcknowledgedMiddle finds a gap that no loss explains.
func TestAcknowledgedMiddle(t *testing.T) {
	lost := func(b *kafkaBook) *kafkaBook {
		return b.lost(0).lost(1).back(0, "0b", "").back(1, "1b", "").inSync()
	}
	lost(newKafkaBook(t).acked().acked()).reads().found()
	lost(newKafkaBook(t).acked().acked()).reads([2]int64{1, 1}).found()
	lost(newKafkaBook(t).acked().acked()).reads([2]int64{2, 2}).found("1 records, from number 1")
	lost(newKafkaBook(t).acked()).acked().reads([2]int64{2, 2}).found()

	// A record of after the losses is on two disks.
	newKafkaBook(t).lost(0).lost(1).back(0, "0b", "").back(1, "1b", "").acked().inSync().reads().found("1 records")
}

// TestAcknowledgedProcess loses no disk, or one.
func TestAcknowledgedProcess(t *testing.T) {
	crash := func(b *kafkaBook, nodes ...int) *kafkaBook {
		for _, node := range nodes {
			b.ended(node, "by itself").starts(node)
		}
		return b
	}
	before := func() *kafkaBook { return newKafkaBook(t).acked().inSync() }
	crash(before(), 0, 1, 2).inSync().reads().found("1 records")
	crash(before().lost(0), 1, 2).back(0, "0b", "").inSync().reads().found() // the last one in sync may be the one that is empty
}
