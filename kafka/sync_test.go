package kafka

import (
	"errors"
	"slices"
	"testing"
)

// three is a cluster of the brokers 0, 1 and 2 with one topic of one partition.
func three(leader int32, replicas, isr []int32, change ...func(*Observation)) *Observation {
	o := &Observation{
		Brokers: []Broker{{ID: 0}, {ID: 1}, {ID: 2}},
		Topics:  []Topic{{Name: "t", ID: TopicID{1}, Partitions: []Partition{{Leader: leader, Replicas: replicas, ISR: isr, End: 10}}}},
	}
	for _, c := range change {
		c(o)
	}
	return o
}

// down takes brokers out of the registered ones.
func down(ids ...int32) func(*Observation) {
	return func(o *Observation) {
		o.Brokers = slices.DeleteFunc(o.Brokers, func(b Broker) bool { return slices.Contains(ids, b.ID) })
	}
}

func silent(id int32) func(*Observation) {
	return func(o *Observation) { o.Silent = append(o.Silent, Silence{id, errors.New("no answer")}) }
}

func elr(ids ...int32) func(*Observation) {
	return func(o *Observation) { o.Topics[0].Partitions[0].ELR = ids }
}

func TestSync(t *testing.T) {
	ids := func(of ...int32) []int32 { return of }
	for name, test := range map[string]struct {
		o    *Observation
		want Sync // without lists
		done bool
	}{
		"in sync":              {three(1, ids(0, 1), ids(0, 1)), Sync{Joined: true, Replicas: 1}, true},
		"not a replica":        {three(1, ids(1, 2), ids(1, 2)), Sync{Joined: true}, true},
		"behind":               {three(1, ids(0, 1), ids(1)), Sync{Joined: true, Replicas: 1}, false},
		"not registered":       {three(1, ids(0, 1), ids(0, 1), down(0)), Sync{Replicas: 1}, false},
		"its session goes on":  {three(1, ids(0, 1), ids(0, 1), silent(0)), Sync{Replicas: 1}, false},
		"a peer is silent":     {three(1, ids(0, 1), ids(0, 1), silent(1)), Sync{Joined: true, Replicas: 1}, true},
		"nobody leads":         {three(-1, ids(0), ids(0)), Sync{Joined: true, Replicas: 1}, false},
		"a peer is waited for": {three(-1, ids(0, 1), ids(1), down(1)), Sync{Joined: true, Replicas: 1}, true},
		"the peer runs again":  {three(-1, ids(0, 1), ids(1)), Sync{Joined: true, Replicas: 1}, false},
		"no one can lead":      {three(-1, ids(0, 1), nil), Sync{Joined: true, Replicas: 1}, false},
		"a peer is out of ISR": {three(0, ids(0, 1), ids(0)), Sync{Joined: true, Replicas: 1}, true},
	} {
		got := test.o.Sync(0)
		if got.Done() != test.done || got.Joined != test.want.Joined || got.Replicas != test.want.Replicas {
			t.Errorf("%s: %+v, done %t", name, got, got.Done())
		}
	}
}

func TestSyncMissing(t *testing.T) {
	tp := TopicPartition{"t", 0}
	of := func(broker int32, size int64, future bool) LogDir {
		return LogDir{Broker: broker, Replicas: []Replica{{TopicPartition: tp, Size: size, Future: future}}}
	}
	o := three(1, []int32{0, 1, 2}, []int32{1, 2}, func(o *Observation) {
		o.LogDirs = []LogDir{of(0, 30, false), of(0, 500, true), of(1, 100, false), of(2, 1000, false)}
	})
	s := o.Sync(0)
	if s.Missing != 70 || !slices.Equal(s.Behind, []TopicPartition{tp}) {
		t.Errorf("%+v, want 70 bytes of %v", s, tp)
	}
	for name, test := range map[string]struct {
		before Sync
		want   bool
	}{
		"the same":        {s, false},
		"fewer bytes":     {Sync{Joined: true, Behind: s.Behind, Missing: 71}, true},
		"it has joined":   {Sync{Behind: s.Behind, Missing: 70}, true},
		"fewer behind":    {Sync{Joined: true, Behind: make([]TopicPartition, 2), Missing: 70}, true},
		"it falls behind": {Sync{Joined: true, Missing: 70}, false},
	} {
		if s.Ahead(test.before) != test.want {
			t.Errorf("%s: ahead is %t", name, !test.want)
		}
	}
}

func TestLossIfReplaced(t *testing.T) {
	ids := func(of ...int32) []int32 { return of }
	for name, test := range map[string]struct {
		o        *Observation
		caughtUp []int32
		lost     bool
		inSync   bool
		peers    []Peer
	}{
		"RF 1":                        {o: three(0, ids(0), ids(0)), lost: true, inSync: true},
		"of another broker":           {o: three(1, ids(1, 2), ids(1))},
		"another is in sync":          {o: three(0, ids(0, 1), ids(0, 1))},
		"another leads":               {o: three(1, ids(0, 1), ids(1))},
		"another is behind":           {o: three(0, ids(0, 1), ids(0)), lost: true, inSync: true, peers: []Peer{{Broker: 1}}},
		"another has caught up":       {o: three(0, ids(0, 1), ids(0)), caughtUp: ids(1)},
		"a stranger has caught up":    {o: three(0, ids(0, 1), ids(0)), caughtUp: ids(2), lost: true, inSync: true, peers: []Peer{{Broker: 1}}},
		"another is down":             {o: three(0, ids(0, 1), ids(0, 1), down(1)), lost: true, inSync: true, peers: []Peer{{Broker: 1, Down: true, Eligible: true}}},
		"another is silent":           {o: three(0, ids(0, 1), ids(0, 1), silent(1)), lost: true, inSync: true, peers: []Peer{{Broker: 1, Eligible: true}}},
		"one of three is well":        {o: three(0, ids(0, 1, 2), ids(0, 2), down(1))},
		"another is complete, down":   {o: three(0, ids(0, 1), ids(0), down(1), elr(1)), lost: true, inSync: true, peers: []Peer{{Broker: 1, Down: true, Eligible: true}}},
		"it lags, and alone runs":     {o: three(-1, ids(0, 1), ids(1), down(1)), lost: true, peers: []Peer{{Broker: 1, Down: true, Eligible: true}}},
		"it is down, and was last":    {o: three(-1, ids(0, 1), ids(0), down(0)), lost: true, inSync: true, peers: []Peer{{Broker: 1}}},
		"it is down, and in the ELR":  {o: three(-1, ids(0, 1), nil, down(0), elr(0)), lost: true, inSync: true, peers: []Peer{{Broker: 1}}},
		"it is down, nobody is known": {o: three(-1, ids(0, 1), nil, down(0)), lost: true, inSync: true, peers: []Peer{{Broker: 1}}},
	} {
		got := test.o.LossIfReplaced(0, test.caughtUp...)
		if len(got) > 0 != test.lost || test.lost && (got[0].InSync != test.inSync || got[0].End != 10 || !slices.Equal(got[0].Peers, test.peers)) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestElectFirst(t *testing.T) {
	ids := func(of ...int32) []int32 { return of }
	for name, test := range map[string]struct {
		o           *Observation
		lost        []int32
		elect, back int
	}{
		"another leads":             {o: three(1, ids(0, 1), ids(1), down(0))},
		"RF 1":                      {o: three(-1, ids(0), ids(0), down(0)), back: 1},
		"a peer is down":            {o: three(-1, ids(0, 1), ids(0), down(0, 1)), elect: 1},
		"a peer runs, out of sync":  {o: three(-1, ids(0, 1), ids(0), down(0)), elect: 1},
		"a peer is lost, too":       {o: three(-1, ids(0, 1), ids(0), down(0, 1)), lost: ids(1), back: 1},
		"one of two peers is lost":  {o: three(-1, ids(0, 1, 2), ids(0), down(0, 1, 2)), lost: ids(1), elect: 1},
		"a peer was last":           {o: three(-1, ids(0, 1), ids(1), down(0, 1))},
		"a peer is complete (ELR)":  {o: three(-1, ids(0, 1), nil, down(0, 1), elr(1))},
		"both are complete (ELR)":   {o: three(-1, ids(0, 1), nil, down(0, 1), elr(0, 1)), elect: 1},
		"nobody is known to be so":  {o: three(-1, ids(0, 1), nil, down(0, 1)), elect: 1},
		"its session is not over":   {o: three(0, ids(0, 1), ids(0), silent(0), down(1)), elect: 1},
		"a partition without it":    {o: three(-1, ids(1, 2), ids(1), down(0, 1))},
		"a peer in the ISR is down": {o: three(-1, ids(0, 1), ids(0, 1), down(0, 1)), elect: 1},
	} {
		elect, back := test.o.ElectFirst(0, test.lost...)
		if len(elect) != test.elect || len(back) != test.back {
			t.Errorf("%s: elect %+v, back %+v", name, elect, back)
		}
	}
}

func TestMadeAgain(t *testing.T) {
	o := &Observation{Topics: []Topic{{Name: "again", ID: TopicID{2}}, {Name: "new", ID: TopicID{3}}, {Name: "old"}, {Name: "same", ID: TopicID{1}}, {Name: "unknown", ID: TopicID{6}}}}
	record := &Record{Topics: []RecordedTopic{{Name: "again", ID: TopicID{1}.Hash()}, {Name: "gone", ID: TopicID{5}.Hash()}, {Name: "old", ID: TopicID{4}.Hash()},
		{Name: "same", ID: TopicID{1}.Hash()}, {Name: "unknown"}}}
	if got := o.MadeAgain(record); !slices.Equal(got, []string{"again"}) {
		t.Errorf("made again: %q", got)
	}
}
