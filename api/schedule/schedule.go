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

// Schedule holds the times at which a KafkaBackup is due. It has no state: it gives
// the same times in every process.
type Schedule struct {
	every  time.Duration // of "@every", counted from anchor
	anchor time.Time
	cron   cron.SpecSchedule // of all other schedules; its Location is spec.timeZone
	shift  time.Duration     // see [Schedule.Shift]
	since  time.Time         // see [Schedule.Since]
}

// Parse returns the schedule of a 5-field cron expression, of a descriptor such as
// @hourly, or of "@every <duration>", which counts from the anchor. A cron
// expression is read in the zone, an IANA name; empty means UTC.
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

var errLocal = errors.New("zone Local is the time zone of the pod")

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

// Since returns the schedule without its times up to t, at which an edit has put
// it in force.
func (s Schedule) Since(t time.Time) Schedule {
	s.since = t
	return s
}

// Next returns the first time after t, in UTC and whole seconds; zero: there is none
// in five years.
func (s Schedule) Next(t time.Time) time.Time {
	if t.Before(s.since) {
		t = s.since
	}
	next := s.nextUnshifted(t.Add(-s.shift))
	if next.IsZero() {
		return next
	}
	return next.Add(s.shift)
}

func (s Schedule) nextUnshifted(t time.Time) time.Time {
	if s.every == 0 {
		return s.nextOnClock(t)
	}
	if t.Before(s.anchor) {
		return s.anchor.Add(s.every).Truncate(time.Second).UTC()
	}
	next := t.Add(s.every - t.Sub(s.anchor)%s.every)
	if !next.Truncate(time.Second).After(t) { // both are in the same second
		next = next.Add(s.every)
	}
	return next.Truncate(time.Second).UTC()
}

// nextOnClock returns the first time after t of a cron schedule. It searches one
// period of the zone after another. In each period the clock has only one offset,
// which cron handles well.
func (s Schedule) nextOnClock(t time.Time) time.Time {
	const reach = 5 // years, as far as cron looks
	at := t.In(s.cron.Location)
	for {
		start, end := at.ZoneBounds()
		if !end.IsZero() && !end.After(at) { // Go returns this for the last day of leap years from 2040 on
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

// nextInPeriod returns the first time after the given one, by the offset that the
// zone has at the instant at. The clock was changed to that offset at start.
//
// If the clock was put forward, a time that was left out comes when it would have
// come on the old clock. If the clock was put back, a time that comes twice is not
// repeated. But a schedule of every hour is repeated, since an hour has passed.
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

// nextByOffset returns the first time after t on a clock that never changes and is
// the given seconds east of UTC.
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

// MaxCounted is the greatest number of times that [Schedule.Latest] counts. To count
// from a time long ago would take too long, and a greater number tells people
// nothing more.
const MaxCounted = 1000

// Latest returns the last time from first to now, both included, and the number of
// times, at most MaxCounted. The number is 0 if there is none. first counts as one
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

// last returns the last time up to now; t itself if none comes after it. It finds
// the last second before such a time by binary search.
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

// Period returns the average time between two of the schedule's times in the time d
// that follows t; of many times it takes the first [MaxCounted]. It is d if there
// is no time in it.
func (s Schedule) Period(t time.Time, d time.Duration) time.Duration {
	last := t
	for n := range MaxCounted {
		next := s.Next(last)
		if next.IsZero() || next.Sub(t) > d {
			return d / time.Duration(max(n, 1))
		}
		last = next
	}
	return last.Sub(t) / MaxCounted
}

// Has reports whether t is one of the schedule's times.
func (s Schedule) Has(t time.Time) bool {
	return s.Next(t.Add(-time.Second)).Equal(t)
}

// IsValid returns nil, because every Schedule is valid: gocron's interface needs it.
func (s Schedule) IsValid(string, *time.Location, time.Time) error { return nil }
