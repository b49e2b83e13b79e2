package kafka

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fakeLog is one partition, t-0, with its records.
type fakeLog struct {
	start   int64
	records []string
}

func (f fakeLog) end() int64 { return f.start + int64(len(f.records)) }

func (f fakeLog) Ends(context.Context, ...string) (starts, ends map[TopicPartition]int64, err error) {
	if f.records == nil {
		return nil, nil, nil
	}
	tp := TopicPartition{"t", 0}
	return map[TopicPartition]int64{tp: f.start, {"t", 1}: 0}, map[TopicPartition]int64{tp: f.end(), {"t", 1}: 30}, nil
}

// Since has no help of the times: it is the start.
func (f fakeLog) Since(context.Context, TopicPartition, time.Time) (int64, error) {
	return f.start, nil
}

func (f fakeLog) Scan(_ context.Context, _ TopicPartition, from, to int64, enough func(*kgo.Record) bool) error {
	for at := max(from, f.start); at < min(to, f.end()); at++ {
		if value := f.records[at-f.start]; value != "" && enough(&kgo.Record{Offset: at, Value: []byte(value)}) {
			return nil
		}
	}
	return nil
}

// letters are records with these values; a dot is an offset without a record.
func letters(start int64, values string) fakeLog {
	f := fakeLog{start: start, records: []string{}}
	for _, v := range strings.Split(values, "") {
		f.records = append(f.records, strings.Trim(v, "."))
	}
	return f
}

func TestFindTails(t *testing.T) {
	lost := LostRange{TopicPartition{"t", 0}, 3, 5, Exactly}
	tests := map[string]struct {
		restored, other fakeLog
		lost            LostRange
		from, to        int64
		why             string
	}{
		"the same offsets":   {letters(0, "abc"), letters(0, "abcde"), lost, 3, 5, ""},
		"other offsets":      {letters(0, "abc"), letters(70, "xxabcde"), lost, 75, 77, ""},
		"more than was seen": {letters(0, "abc"), letters(0, "abcdefg"), lost, 3, 7, ""},
		"new ones since":     {letters(0, "abcyz"), letters(0, "abcde"), lost, 3, 5, ""},
		"a marker before":    {letters(0, "ab."), letters(0, "abde"), lost, 2, 4, ""},
		"twice":              {letters(0, "abc"), letters(0, "abccde"), lost, 3, 6, ""},
		"from the beginning": {letters(0, "."), letters(70, "abc"), LostRange{TopicPartition{"t", 0}, 0, 3, Exactly}, 70, 73, ""},
		"mirror went on":     {letters(0, "abcyz"), letters(0, "abcdeyz"), lost, 3, 5, "the mirror has gone on since the restore: the lost records are at offsets 3 to 4 there, and new ones behind them, where MirrorMaker 2 would not stop"},
		"copy ends before":   {letters(0, "abc"), letters(0, "abc"), lost, 3, 3, "the other cluster has none of them: its copy ends before"},
		"fetched":            {letters(0, "abcyde"), letters(0, "abcde"), lost, 3, 5, "fetched already: the first of them is at offset 4 of the restored cluster"},
		"no copy":            {letters(0, "abc"), letters(0, "xyz"), lost, 0, 3, "the other cluster has no copy of the record before it, at offset 2 of 0001-01-01T00:00:00Z"},
		"nothing before":     {letters(3, "."), letters(0, "abcde"), lost, 0, 5, "there is no record left before it that could be looked for in the other cluster"},
		"no partition":       {letters(0, "abc"), fakeLog{}, lost, 0, 0, "the other cluster has no such partition"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tails, _, _, err := FindTails(t.Context(), tt.restored, tt.other, []LostRange{tt.lost})
			if want := (Tail{tt.lost, tt.from, tt.to, tt.why}); err != nil || len(tails) != 1 || tails[0] != want {
				t.Errorf("%+v, %v, want %+v", tails, err, want)
			}
		})
	}
}

func TestMirror(t *testing.T) {
	a0, a1, b0 := TopicPartition{"my.topic", 0}, TopicPartition{"my.topic", 1}, TopicPartition{"b", 0}
	tails := []Tail{{LostRange{a0, 5, 9, Exactly}, 75, 79, ""}, {LostRange: LostRange{b0, 5, 9, Exactly}, Why: "no copy"}}
	config := MirrorConfig("r:1", "k:1", nil, tails)
	if !strings.Contains(config, "tail->restored.topics = my[.]topic\n") || !strings.Contains(config, "tail.bootstrap.servers = r:1\n") {
		t.Errorf("configuration:\n%s", config)
	}
	starts := map[TopicPartition]int64{a0: 0, a1: 0, b0: 0}
	got := MirrorStart(tails, starts, map[TopicPartition]int64{a0: 79, a1: 30, b0: 7})
	want := `["MirrorSourceConnector",{"cluster":"tail","partition":0,"topic":"my.topic"}]	{"offset":74}
["MirrorSourceConnector",{"cluster":"tail","partition":1,"topic":"my.topic"}]	{"offset":29}
`
	if got != want {
		t.Errorf("offsets:\n%swant\n%s", got, want)
	}
	tails[0].CopyFrom = 0
	if got := MirrorStart(tails, starts, map[TopicPartition]int64{a0: 79, a1: 0}); got != "" {
		t.Errorf("offsets:\n%swant none: it begins at the start", got)
	}
}

func TestByPartition(t *testing.T) {
	got := ByPartition([]LostRange{{TopicPartition{"t", 1}, 5, 9, Exactly}, {TopicPartition{"t", 0}, 4, 8, Exactly}, {TopicPartition{"t", 1}, 5, 12, Exactly}})
	if len(got) != 2 || got[0].Partition != 0 || got[1].To != 12 {
		t.Errorf("%+v", got)
	}
}

func TestScanner(t *testing.T) {
	cluster := fake(t)
	c := Config{Bootstrap: cluster.ListenAddrs()}
	tp := TopicPartition{"t", 0}
	made := client(t, c)
	if _, err := made.admin.CreateTopic(t.Context(), 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	produce(t, cluster, tp, 20)
	s := NewScanner(c)
	starts, ends, err := s.Ends(t.Context(), "t")
	if err != nil || starts[tp] != 0 || ends[tp] != 20 {
		t.Fatalf("%v to %v, %v", starts, ends, err)
	}
	if at, err := s.Since(t.Context(), tp, time.Now().Add(-time.Hour)); err != nil || at != 0 {
		t.Errorf("since an hour: %d, %v", at, err)
	}
	var seen []int64
	err = s.Scan(t.Context(), tp, 5, 9, func(r *kgo.Record) bool {
		seen = append(seen, r.Offset)
		return r.Offset == 7
	})
	if err != nil || len(seen) != 3 || seen[0] != 5 {
		t.Errorf("offsets %v, %v", seen, err)
	}
}
