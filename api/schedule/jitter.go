package schedule

import (
	"hash/fnv"
	"time"
)

// Jitter returns an offset of whole seconds from zero up to, but without, the
// limit. It depends on the seed alone, so that each restart and each leader finds
// the same one.
func Jitter(limit time.Duration, seed string) time.Duration {
	seconds := uint64(limit / time.Second)
	if limit < time.Second || seed == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(seed)) // a hash returns no error
	return time.Duration(h.Sum64()%seconds) * time.Second
}

// Shift returns the schedule with all of its times later by a whole number of
// seconds. They are shifted after the clock of the zone was read, so that a change
// of that clock moves them as it moves the times without a shift. Times of "@every" are
// never later by a whole interval: the first one would only come later.
func (s Schedule) Shift(by time.Duration) Schedule {
	if s.every > 0 {
		by %= s.every
	}
	s.shift = by.Truncate(time.Second)
	return s
}
