package history

import (
	"slices"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// Kafka is what happened to the cluster of Apache Kafka.
type Kafka struct {
	Brokers  []Broker
	Acked    []Acked // in the order of their numbers
	InSync   []record.InSync
	Readable *record.Readable // nil: the topic was not read
	ReadSeq  int64
}

// Broker is the begin or the end of a process.
type Broker struct {
	record.Broker
	Time time.Time
}

// Acked is a record that was acknowledged at a time.
type Acked struct {
	record.Acked
	Time time.Time
}

// add adds a record that is about Apache Kafka.
func (k *Kafka) add(r record.Record) {
	switch {
	case r.Broker != nil:
		k.Brokers = append(k.Brokers, Broker{*r.Broker, r.Time})
	case r.Acked != nil:
		k.Acked = append(k.Acked, Acked{*r.Acked, r.Time})
	case r.InSync != nil:
		k.InSync = append(k.InSync, *r.InSync)
	case r.Readable != nil:
		k.Readable, k.ReadSeq = r.Readable, r.Seq
	}
}

// Missing are the acknowledged records that cannot be read.
func (k *Kafka) Missing() (missing []Acked) {
	if k.Readable == nil {
		return nil
	}
	for _, a := range k.Acked {
		if !k.Readable.Has(a.Number) {
			missing = append(missing, a)
		}
	}
	return missing
}

// rejoined is how often all brokers were in sync on other disks than before.
func (k *Kafka) rejoined() (n int) {
	for i := 1; i < len(k.InSync); i++ {
		if !slices.Equal(k.InSync[i-1].UIDs, k.InSync[i].UIDs) {
			n++
		}
	}
	return n
}
