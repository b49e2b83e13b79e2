package kafka

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestStaleBroker has a broker that is cut off from the controllers. It takes itself
// for the leader still, with a peer in sync, which leads by now, alone.
func TestStaleBroker(t *testing.T) {
	at := func(epoch, leader int32, isr ...int32) *Observation {
		return &Observation{
			Brokers: []Broker{{ID: 0}, {ID: 1}, {ID: 2}},
			Topics:  []Topic{{Name: "t", Partitions: []Partition{{Leader: leader, LeaderEpoch: epoch, Replicas: []int32{0, 1}, ISR: isr, End: 100}}}},
		}
	}
	for name, test := range map[string]struct {
		first, other *Observation
		lost         int // with broker 1
	}{
		"they agree":                {at(5, 0, 0, 1), at(5, 0, 0, 1), 0},
		"the stale one was asked":   {at(5, 0, 0, 1), at(6, 1, 1), 1},
		"the stale one comes later": {at(6, 1, 1), at(5, 0, 0, 1), 1},
		"the same epoch":            {at(5, 1, 0, 1), at(5, 1, 1), 1},
		"it knows no topics":        {&Observation{Brokers: at(0, 0).Brokers}, at(5, 1, 1), 1},
		"it knows no partitions":    {&Observation{Topics: []Topic{{Name: "t"}}}, at(5, 1, 1), 1},
	} {
		if test.first.heed(test.other); len(test.first.LossIfReplaced(1)) != test.lost {
			t.Errorf("%s: %+v is lost of %+v", name, test.first.LossIfReplaced(1), test.first.Topics)
		}
	}
}

// TestOtherReplicas has a partition that is moved to a broker, which not all know yet.
func TestOtherReplicas(t *testing.T) {
	p := Partition{Replicas: []int32{0}, ISR: []int32{0}}
	p.heed(Partition{Replicas: []int32{0, 1}, ISR: []int32{0, 1}}, true)
	if !slices.Equal(p.Replicas, []int32{0, 1}) || !slices.Equal(p.ISR, []int32{0}) {
		t.Errorf("%+v", p)
	}
}

// TestConfirm asks each broker of a small cluster, and takes one that does not answer
// for silent.
func TestConfirm(t *testing.T) {
	cluster := fake(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "t"))
	asked := client(t, Config{Bootstrap: cluster.ListenAddrs()})
	o := observe(t, asked)
	node := o.Brokers[2].ID
	cluster.ControlKey(kmsg.Metadata.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return nil, errors.New("connection is cut"), cluster.CurrentNode() == node
	})
	asked.Confirm(t.Context(), o, node)
	if len(o.Silent) != 1 || o.Silent[0].Broker != node || len(o.Topics) != 1 {
		t.Errorf("silent are %+v", o.Silent)
	}
	if got := (&Observation{Brokers: []Broker{{ID: 0}, {ID: 1}, {ID: 2}, {ID: 3}, {ID: 4}, {ID: 5}, {ID: 6}}, Silent: []Silence{{Broker: 1}}}).views(6); !slices.Equal(got, []int32{6, 0, 2, 3, 4}) {
		t.Errorf("asked are %v", got)
	}
}
