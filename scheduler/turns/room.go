package turns

import (
	"time"

	"github.com/snapback-dev/snapback/snapshots"
)

// load is what is under way, and what will be, of one class.
type load struct {
	driver   string
	limit    int
	underWay int // snapshots that are not cut
	promised int // snapshots that runs whose turn it is have yet to create
}

// used is how much of its driver's bound a class takes. A run that is larger than
// the limit never has more than that under way.
func (l load) used() int {
	return max(l.underWay, min(l.underWay+l.promised, l.limit))
}

// room is why a run has to wait.
type room int

const (
	enough room = iota
	classFull
	driverFull
)

// roomFor decides whether there is room for so many more snapshots of a class. A
// run that is larger than the limit has room when nothing else is under way. The
// own ones are snapshots of the same run, or in the place of some of it, which hinder it
// not. A driver's limit is the
// highest one of its classes: with each class more, a storage takes no more.
func roomFor(loads map[string]load, class string, size, own int) room {
	l := loads[class]
	if size <= 0 {
		return enough
	}
	others := l.underWay + l.promised - own
	if others > 0 && others+own+size > l.limit {
		return classFull
	}
	with := l
	with.promised += size
	used, limit, rest := 0, 0, 0
	for name, other := range loads {
		if other.driver != l.driver {
			continue
		}
		limit = max(limit, other.limit)
		if name == class {
			used += with.used()
		} else {
			used += other.used()
			rest += other.used()
		}
	}
	if rest > 0 && used > limit {
		return driverFull
	}
	return enough
}

// roomForOne reports whether a run that is larger than the limit may create its next
// snapshot.
func roomForOne(loads map[string]load, class string) bool {
	l := loads[class]
	if l.underWay >= l.limit {
		return false
	}
	underWay, limit := 0, 0
	for _, other := range loads {
		if other.driver == l.driver {
			underWay += other.underWay
			limit = max(limit, other.limit)
		}
	}
	return underWay < limit
}

// loads counts what is under way now, and adapts the limits of the classes to what
// the storage says of it.
func (t *Turns) loads(now time.Time) map[string]load {
	counted := map[string]load{}
	throttled := map[string]time.Time{}
	for _, of := range t.flights {
		for _, f := range of {
			if !f.underWay(now) {
				continue
			}
			l := counted[f.class]
			l.underWay++
			counted[f.class] = l
			if f.throttled && f.created.After(throttled[f.class]) {
				throttled[f.class] = f.created
			}
		}
	}
	for turn := range t.turns {
		l := counted[turn.run.Class]
		l.promised += turn.promised
		counted[turn.run.Class] = l
	}
	for name, c := range t.classes {
		c.pace = c.pace.next(c.bound, throttled[name], now)
		l := counted[name]
		l.driver, l.limit = c.driver, c.pace.of(c.bound)
		counted[name] = l
	}
	for name, l := range counted {
		if _, known := t.classes[name]; !known { // no KafkaBackup names it any more
			l.limit = snapshots.DefaultMaxInFlight
			counted[name] = l
		}
	}
	return counted
}
