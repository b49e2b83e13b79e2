// Package schedule is the times at which a KafkaBackup is due.
package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule tells the times at which a KafkaBackup is due. It keeps no state:
// the same times come out of it in every process.
type Schedule struct {
	every  time.Duration // of "@every", counted from anchor
	anchor time.Time
	cron   cron.SpecSchedule // of all others; its Location is spec.timeZone
	since  time.Time         // see [Schedule.Since]
}

// Parse reads a 5-field cron expression, a descriptor such as @hourly,
// or "@every <duration>", which counts from the anchor. A cron expression is
// read in the zone, an IANA name; empty means UTC.
func Parse(spec, zone string, anchor time.Time) (Schedule, error) {
	location, err := location(zone)
	if err != nil {
		return Schedule{}, err
	}
	spec = strings.TrimSpace(spec)
	if interval, ok := strings.CutPrefix(spec, "@every "); ok {
		d, err := time.ParseDuration(strings.TrimSpace(interval))
		if err != nil || d < time.Second {
			return Schedule{}, fmt.Errorf("spec.schedule %q: @every needs a duration of at least one second, for example \"@every 1h\"", spec)
		}
		return Schedule{every: d, anchor: anchor}, nil
	}
	if strings.Contains(spec, "=") {
		return Schedule{}, fmt.Errorf("spec.schedule %q: put the time zone into spec.timeZone", spec)
	}
	parsed, err := cron.ParseStandard(spec)
	if err != nil {
		return Schedule{}, fmt.Errorf("spec.schedule %q: %w", spec, err)
	}
	fields, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Schedule{}, fmt.Errorf("spec.schedule %q: not a cron expression", spec)
	}
	s := Schedule{cron: *fields}
	s.cron.Location = location
	if s.Next(anchor).IsZero() {
		return Schedule{}, fmt.Errorf("spec.schedule %q: no such day in the next five years", spec)
	}
	return s, nil
}

var errLocal = errors.New("it is the zone of the pod, which nobody meant")

// location returns the zone of an IANA name; empty means UTC.
func location(zone string) (*time.Location, error) {
	found, err := time.LoadLocation(zone)
	if zone == "Local" {
		err = errLocal
	}
	if err != nil {
		return nil, fmt.Errorf("spec.timeZone %q: must be an IANA name such as Europe/Budapest: %w", zone, err)
	}
	return found, nil
}

// Since is the schedule without its times up to t: one that an edit has put
// in force then.
func (s Schedule) Since(t time.Time) Schedule {
	s.since = t
	return s
}

// Next is the first time after t, in UTC and whole seconds; zero without any in
// five years.
func (s Schedule) Next(t time.Time) time.Time {
	if t.Before(s.since) {
		t = s.since
	}
	if s.every == 0 {
		return s.nextOnClock(t)
	}
	if t.Before(s.anchor) {
		return s.anchor.Add(s.every).Truncate(time.Second).UTC()
	}
	next := t.Add(s.every - t.Sub(s.anchor)%s.every)
	if !next.Truncate(time.Second).After(t) { // both in one second
		next = next.Add(s.every)
	}
	return next.Truncate(time.Second).UTC()
}

// nextOnClock looks for the first time after t in one period after another of
// the zone, in each of which the clock has one offset and cron knows no traps.
func (s Schedule) nextOnClock(t time.Time) time.Time {
	const reach = 5 // years, as far as cron looks
	at := t.In(s.cron.Location)
	for {
		start, end := at.ZoneBounds()
		if !end.IsZero() && !end.After(at) { // as Go has it of the last day of leap years from 2040 on
			end = at.AddDate(0, 0, 1)
		}
		after := t
		if !start.IsZero() && after.Before(start) {
			after = start.Add(-time.Second)
		}
		next := s.nextInPeriod(at, start, after)
		if !next.IsZero() && (end.IsZero() || next.Before(end)) {
			return next.UTC()
		}
		if end.IsZero() || end.After(t.AddDate(reach, 0, 0)) {
			return time.Time{}
		}
		at = end
	}
}

// nextInPeriod is the first time after the given one by the offset that the
// zone has at an instant; its clock was put to that offset at the start.
//
// A time that was left out then, as the clock was put forward, comes when it
// would have come on the old clock. One that comes again, as the clock was put
// back, is not repeated; a schedule of every hour is, as an hour has passed.
func (s Schedule) nextInPeriod(at, start, after time.Time) time.Time {
	_, offset := at.Zone()
	next := s.nextByOffset(offset, after)
	if start.IsZero() {
		return next
	}
	_, old := start.Add(-1).Zone()
	forward := time.Duration(offset-old) * time.Second
	if resumed := start.Add(-forward); next.Before(resumed) && !s.everyHour() {
		next = s.nextByOffset(offset, resumed.Add(-time.Second))
	}
	if !after.Before(start.Add(forward)) {
		return next
	}
	leftOut := s.nextByOffset(old, after)
	if !leftOut.IsZero() && leftOut.Before(start.Add(forward)) && (next.IsZero() || leftOut.Before(next)) {
		next = leftOut
	}
	return next
}

// nextByOffset is the first time after t on a clock that is never changed, so
// many seconds east of UTC.
func (s Schedule) nextByOffset(seconds int, t time.Time) time.Time {
	clock := s.cron
	clock.Location = time.FixedZone("", seconds)
	return clock.Next(t)
}

// everyHour reports whether the schedule leaves out no hour of a day.
func (s Schedule) everyHour() bool {
	const hours = 24
	return bits.OnesCount64(s.cron.Hour&(1<<hours-1)) == hours
}

// MaxCounted is how many times [Schedule.Latest] counts: a first time of long
// ago must not be walked from, and who has missed that many needs no more.
const MaxCounted = 1000

// Latest is the last time from first to now, both included, and how many there
// are, MaxCounted at most. Without one it returns 0. The first is taken for one
// of the schedule's times.
func (s Schedule) Latest(first, now time.Time) (time.Time, int) {
	var latest time.Time
	n := 0
	for t := first; !t.IsZero() && !t.After(now); t = s.Next(t) {
		if n == MaxCounted {
			return s.last(t, now), n
		}
		latest = t
		n++
	}
	return latest, n
}

// last is the last time up to now, which one after t is. It looks for the last
// second after which one comes, by halves.
func (s Schedule) last(t, now time.Time) time.Time {
	before, after := t.Unix(), now.Unix()
	for after-before > 1 {
		middle := before + (after-before)/2
		if next := s.Next(time.Unix(middle, 0)); next.IsZero() || next.After(now) {
			after = middle
		} else {
			before = middle
		}
	}
	if next := s.Next(time.Unix(before, 0)); !next.IsZero() && !next.After(now) {
		return next
	}
	return t
}

// Has reports whether t is one of the schedule's times.
func (s Schedule) Has(t time.Time) bool {
	return s.Next(t.Add(-time.Second)).Equal(t)
}

// IsValid returns nil, as a Schedule that exists is valid: gocron asks for it.
func (s Schedule) IsValid(string, *time.Location, time.Time) error { return nil }
