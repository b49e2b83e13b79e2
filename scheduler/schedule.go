package scheduler

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/robfig/cron/v3"
)

// Schedule tells the times at which a KafkaBackup is due. It keeps no state:
// the same times come out of it in every process.
type Schedule struct {
	every  time.Duration // of "@every", counted from anchor
	anchor time.Time
	cron   cron.Schedule // of all others
}

var _ gocron.Cron = Schedule{}

// ParseSchedule reads a 5-field cron expression, a descriptor such as @hourly,
// or "@every <duration>", which counts from the anchor. A cron expression is
// read in the zone, an IANA name; empty means UTC.
func ParseSchedule(spec, zone string, anchor time.Time) (Schedule, error) {
	if zone == "Local" { // the zone of the pod, which nobody meant
		return Schedule{}, fmt.Errorf("spec.timeZone %q: must be an IANA name such as Europe/Budapest", zone)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return Schedule{}, fmt.Errorf("spec.timeZone %q: must be an IANA name such as Europe/Budapest: %w", zone, err)
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
	if s, ok := parsed.(*cron.SpecSchedule); ok {
		s.Location = location
	}
	if parsed.Next(anchor).IsZero() {
		return Schedule{}, fmt.Errorf("spec.schedule %q: no such day in the next five years", spec)
	}
	return Schedule{cron: parsed}, nil
}

// Next is the first time after t, in UTC and whole seconds.
func (s Schedule) Next(t time.Time) time.Time {
	if s.every == 0 {
		return s.cron.Next(t).UTC()
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

// Latest is the last time from first to now, both included, and how many there
// are. Without one it returns 0; first must be one of the schedule's times.
func (s Schedule) Latest(first, now time.Time) (time.Time, int) {
	var latest time.Time
	n := 0
	for t := first; !t.After(now); t = s.Next(t) {
		latest = t
		n++
	}
	return latest, n
}

// IsValid implements [gocron.Cron]; a Schedule that exists is valid.
func (s Schedule) IsValid(string, *time.Location, time.Time) error { return nil }
