package kafka

import "testing"

func TestAfterWords(t *testing.T) {
	lost := func(topic string, how Exactness) LostRange {
		return LostRange{TopicPartition{topic, 0}, 1000, 1200, how}
	}
	const at = "2026-02-21T19:04:00Z"
	tests := map[string]struct {
		a    Aftermath
		want string
		fine bool
	}{
		"nothing":   {a: Aftermath{Observed: observed, Partitions: 12}, want: "nothing is gone of what 12 partitions had at " + at, fine: true},
		"not known": {a: Aftermath{Partitions: 12}, want: "what is gone is not known: Kafka was not observed before the loss"},
		"lost": {a: Aftermath{Observed: observed, Partitions: 12, Losses: []LostRange{lost("t", Exactly)}},
			want: "200 records of 1 partition that were there at " + at + " are gone, and what was written from then until the loss"},
		"at most": {a: Aftermath{Observed: observed, Partitions: 12, Losses: []LostRange{lost("t", AtMost), lost("u", Exactly)}},
			want: "at most 400 records of 2 partitions that were there at " + at + " are gone, and what was written from then until the loss"},
		"Kafka's own": {a: Aftermath{Observed: observed, Partitions: 12, Losses: []LostRange{lost("__consumer_offsets", AtMost)}},
			want: "nothing is gone of what 12 partitions had at " + at + "; Kafka's own topics went back in 1 partition"},
		"another cluster": {a: Aftermath{Observed: observed, OtherCluster: true},
			want: "what is gone is not known: Kafka had another cluster id when it was observed at " + at},
		"all made again": {a: Aftermath{Observed: observed, MadeAgain: []string{"t"}},
			want: "no partition could be compared with what Kafka had at " + at + "; deleted and made again: 1 topic"},
		"all kinds": {a: Aftermath{Observed: observed, Partitions: 2, Omitted: 4, Unknown: make([]TopicPartition, 1), Beyond: make([]Beyond, 2), Hanging: make([]Transaction, 3),
			Unclean: make([]Unclean, 1), Gone: []string{"t"}},
			want: "nothing is gone of what 2 partitions had at " + at + "; no answer about 1 partition; nothing recorded about 4 partitions; " +
				"groups have committed lost offsets in 2 partitions; hanging: 3 transactions; the leader lacks records, or may, in 1 partition; not in the cluster any more: 1 topic"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.a.Words(); got != tt.want {
				t.Errorf("Words:\n%s\nwant\n%s", got, tt.want)
			}
			if got := tt.a.Problems(); got == tt.fine {
				t.Errorf("Problems: %v", got)
			}
		})
	}
}
