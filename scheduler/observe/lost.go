package observe

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/kafka"
)

// Lives remembers where each volume was when it was last seen alive, for one term
// of leadership. What it had then is written to a snapshot when it is lost.
type Lives struct {
	mu sync.Mutex
	of map[types.NamespacedName]map[string]life // by KafkaBackup, and hash of the volume
}

// life is the last time that a volume was seen alive in Kafka.
type life struct {
	claim types.UID
	seen  *kafka.Observation
	place Place
}

// Claim is the claim of a volume as it is now.
type Claim struct {
	UID     types.UID
	Created time.Time
	Alive   bool // it is bound, and not being deleted
}

// Follow notes which volumes are alive, and returns what the lost ones had, by
// hash, until [Lives.Written] is called for it. A volume is lost if its claim is
// gone, is being deleted or is another one, or if its broker is not registered any
// more. The claims and places are of all volumes that there are.
func (l *Lives) Follow(backup types.NamespacedName, o *kafka.Observation, claims map[string]Claim, places map[string]Place) map[string]kafka.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[types.NamespacedName]map[string]life{}
	}
	if l.of[backup] == nil {
		l.of[backup] = map[string]life{}
	}
	known, lost := l.of[backup], map[string]kafka.Record{}
	for hash, was := range known {
		claim, there := claims[hash]
		if gone := !there || !claim.Alive || claim.UID != was.claim || !o.Registered(was.place.Broker); gone {
			lost[hash] = was.place.Record(was.seen)
		}
	}
	for hash, place := range places {
		claim := claims[hash]
		if _, unwritten := lost[hash]; unwritten || !claim.Alive || !answers(o, place.Broker) || !o.At.After(claim.Created) {
			continue
		}
		known[hash] = life{claim.UID, o, place}
	}
	return lost
}

// answers reports whether a broker is registered, and told what it has.
func answers(o *kafka.Observation, broker int32) bool {
	for _, s := range o.Silent {
		if s.Broker == broker {
			return false
		}
	}
	return o.Registered(broker)
}

// Written notes that what a lost volume had is written, or cannot be. It is
// followed again once it is alive.
func (l *Lives) Written(backup types.NamespacedName, hash string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.of[backup], hash)
}

// Forget drops what is known of a KafkaBackup.
func (l *Lives) Forget(backup types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.of, backup)
}
