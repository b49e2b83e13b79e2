package observe

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/kafka"
)

func TestFollowLives(t *testing.T) {
	key := types.NamespacedName{Namespace: "kafka", Name: "hourly"}
	places := map[string]Place{"one": {Broker: 1}}
	observed := func(minute int, brokers ...int32) *kafka.Observation {
		o := &kafka.Observation{At: at.Add(time.Duration(minute) * time.Minute), Topics: []kafka.Topic{{
			Name: "orders", Partitions: []kafka.Partition{{Replicas: []int32{1}, ISR: []int32{1}, End: int64(minute) * 100}}}}}
		for _, id := range brokers {
			o.Brokers = append(o.Brokers, kafka.Broker{ID: id})
		}
		return o
	}
	claim := func(uid types.UID, minute int, alive bool) map[string]Claim {
		return map[string]Claim{"one": {UID: uid, Created: at.Add(time.Duration(minute) * time.Minute), Alive: alive}}
	}
	silent := observed(9, 1, 2)
	silent.Silent = []kafka.Silence{{Broker: 1}}
	type step struct {
		o      *kafka.Observation
		claims map[string]Claim
		want   int64 // the end that is to be written; 0: none
		fails  bool  // to write it
	}
	living := step{observed(1, 1, 2), claim("a", 0, true), 0, false}
	for name, steps := range map[string][]step{
		"it lives":                        {living, {observed(2, 1, 2), claim("a", 0, true), 0, false}},
		"its claim is gone":               {living, {observed(1, 1, 2), nil, 100, false}, {observed(2, 2), nil, 0, false}},
		"its claim is being deleted":      {living, {observed(2, 1, 2), claim("a", 0, false), 100, false}},
		"its broker is gone":              {living, {observed(2, 2), claim("a", 0, true), 100, false}, {observed(3, 2), claim("a", 0, true), 0, false}},
		"its broker is silent":            {living, {silent, claim("a", 0, true), 0, false}, {observed(10, 2), claim("a", 0, true), 100, false}},
		"a write fails":                   {living, {observed(2, 2), nil, 100, true}, {observed(3, 2), nil, 100, false}},
		"it comes back before the write":  {living, {observed(2, 2), claim("a", 0, true), 100, true}, {observed(3, 1, 2), claim("a", 0, true), 0, false}},
		"lost, back, and lost again":      {living, {observed(2, 2), nil, 100, false}, {observed(5, 1, 2), claim("b", 3, true), 0, false}, {observed(6, 2), nil, 500, false}},
		"replaced between two looks":      {living, {observed(5, 1, 2), claim("b", 3, true), 100, false}, {observed(6, 2), nil, 0, false}},
		"an observation of before a loss": {living, {observed(1, 1, 2), nil, 100, false}, {observed(1, 1, 2), claim("b", 3, true), 0, false}, {observed(5, 2), nil, 0, false}},
		"never seen alive":                {{observed(1, 2), claim("a", 0, true), 0, false}, {observed(2, 2), nil, 0, false}},
	} {
		var lives Lives
		for n, s := range steps {
			lost := lives.Follow(key, s.o, s.claims, places)
			record, ok := lost["one"]
			if ok != (s.want > 0) || ok && record.Topics[0].Partitions[0].End != s.want {
				t.Errorf("%s, step %d: %+v, want the end %d", name, n+1, lost, s.want)
			}
			if ok && !s.fails {
				lives.Written(key, "one")
			}
		}
	}
}
