package history

import (
	"testing"

	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// TestKafka counts what is gone, and how often brokers came back.
func TestKafka(t *testing.T) {
	var k Kafka
	if len(k.Missing()) > 0 || k.rejoined() > 0 {
		t.Error("nothing has happened")
	}
	for _, r := range []record.Record{
		{InSync: &record.InSync{UIDs: []string{"0a", "1a"}}}, {InSync: &record.InSync{UIDs: []string{"0a", "1a"}}},
		{Acked: &record.Acked{Number: 1}}, {Acked: &record.Acked{Number: 3}}, {Broker: &record.Broker{Node: 1, Ended: "it was lost"}},
		{InSync: &record.InSync{UIDs: []string{"0a", "1b"}}},
	} {
		k.add(r)
	}
	if len(k.Missing()) > 0 || k.rejoined() != 1 || len(k.Brokers) != 1 {
		t.Errorf("%+v", k)
	}
	k.add(record.Record{Seq: 9, Readable: &record.Readable{Ranges: [][2]int64{{1, 2}}}})
	if missing := k.Missing(); len(missing) != 1 || missing[0].Number != 3 || k.ReadSeq != 9 {
		t.Errorf("%+v", missing)
	}
}
