package turns

import "time"

// growEvery is how long the limit of a class stays before it grows by a tenth of
// the class's bound, after the last throttled snapshot was under way.
const growEvery = time.Minute

// pace is the limit of a class while its storage throttles, and after that until it
// has grown back. The zero pace is no other limit than the class's bound.
type pace struct {
	limit  int       // 0: the bound
	halved time.Time // when it was last halved
	grown  time.Time // when it last grew, or might have
}

// of returns the limit that is in force under a bound.
func (p pace) of(bound int) int {
	if p.limit == 0 {
		return bound
	}
	return min(p.limit, bound)
}

// next returns the pace at a time. throttled is when the newest throttled snapshot
// under way was created; zero: there is none. One that was created before the limit
// was last halved says nothing about the limit of now: the storage may answer it
// only minutes later. The limit grows slowly, and only while none is throttled.
func (p pace) next(bound int, throttled, now time.Time) pace {
	limit := p.of(bound)
	switch {
	case throttled.After(p.halved):
		return pace{limit: max(limit/2, 1), halved: now, grown: now}
	case p.limit == 0:
		return p
	case !throttled.IsZero():
		p.grown = now
		return p
	}
	steps := int(now.Sub(p.grown) / growEvery)
	if steps <= 0 {
		return p
	}
	limit += steps * max(bound/10, 1)
	if limit >= bound {
		return pace{halved: p.halved}
	}
	return pace{limit: limit, halved: p.halved, grown: p.grown.Add(time.Duration(steps) * growEvery)}
}
