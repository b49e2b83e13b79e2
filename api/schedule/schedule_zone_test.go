package schedule

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/robfig/cron/v3"
)

// TestScheduleChangeOfClock checks the days on which clocks change.
func TestScheduleChangeOfClock(t *testing.T) {
	tests := map[string]struct {
		spec, zone, after string
		want              []string
	}{
		"hourly, clock put back": {"30 * * * *", "America/New_York", "2026-11-01T04:00:00Z",
			[]string{"2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"}},
		"hourly, clock put forward": {"30 * * * *", "America/New_York", "2026-03-08T06:00:00Z",
			[]string{"2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z", "2026-03-08T08:30:00Z"}},
		"daily, left out": {"30 2 * * *", "America/New_York", "2026-03-08T05:00:00Z",
			[]string{"2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"}},
		"daily, comes twice": {"30 1 * * *", "America/New_York", "2026-11-01T04:00:00Z",
			[]string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		"daily, from between the two": {"30 1 * * *", "America/New_York", "2026-11-01T06:00:00Z",
			[]string{"2026-11-02T06:30:00Z"}},
		"daily, in Budapest": {"30 2 * * *", "Europe/Budapest", "2026-10-24T23:00:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		"every two hours": {"0 */2 * * *", "Europe/Budapest", "2026-10-24T22:00:00Z",
			[]string{"2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z"}},
		"midnight, left out": {"@daily", "America/Santiago", "2026-09-06T03:00:00Z",
			[]string{"2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"}},
		"half an hour, forward": {"15 * * * *", "Australia/Lord_Howe", "2026-10-03T14:00:00Z",
			[]string{"2026-10-03T14:45:00Z", "2026-10-03T15:45:00Z", "2026-10-03T16:15:00Z"}},
		"half an hour, back": {"45 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z",
			[]string{"2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", "2026-04-04T16:15:00Z"}},
		"half an hour, back, daily": {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z",
			[]string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
		"Ramadan": {"30 2 * * *", "Africa/Casablanca", "2026-02-14T12:00:00Z",
			[]string{"2026-02-15T01:30:00Z", "2026-02-16T02:30:00Z"}},
	}
	for name, test := range tests {
		s, err := Parse(test.spec, test.zone, at(t, test.after))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		next := at(t, test.after)
		for i, want := range test.want {
			if next = s.Next(next); !next.Equal(at(t, want)) {
				t.Errorf("%s: time %d is %s, want %s", name, i, next.Format(time.RFC3339), want)
				break
			}
		}
	}
}

// minutes is the naive model of a schedule: it walks every minute of the wall clock,
// and searches every minute of real time for one that shows it.
func minutes(t *testing.T, spec string, zone *time.Location, from, to time.Time, everyHour bool) map[time.Time]bool {
	t.Helper()
	fields, err := cron.ParseStandard("TZ=UTC " + spec)
	if err != nil {
		t.Fatal(err)
	}
	wall := func(u time.Time) time.Time { // as if it were UTC
		_, offset := u.In(zone).Zone()
		return u.Add(time.Duration(offset) * time.Second)
	}
	shown := map[time.Time][]time.Time{}
	for u := from; u.Before(to); u = u.Add(time.Minute) {
		shown[wall(u)] = append(shown[wall(u)], u)
	}
	times := map[time.Time]bool{}
	last := from // minute of the world before the one on the wall
	for w := wall(from).Add(time.Minute); w.Before(wall(to)); w = w.Add(time.Minute) {
		all := shown[w]
		due := fields.Next(w.Add(-time.Second)).Equal(w)
		switch {
		case len(all) == 0: // left out: as long after the last minute as it says
			if due {
				times[last.Add(w.Sub(wall(last)))] = true
			}
		case everyHour:
			last = all[len(all)-1]
			for _, u := range all {
				times[u] = times[u] || due
			}
		default:
			last = all[len(all)-1]
			times[all[0]] = times[all[0]] || due
		}
	}
	return times
}

// TestScheduleModel compares the schedule with the naive model around the
// changes of several zones' clocks.
func TestScheduleModel(t *testing.T) {
	zones := []string{"America/New_York", "Europe/Budapest", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago", "Asia/Gaza", "UTC"}
	for _, zone := range zones {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			location, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for _, change := range changes(location) {
				for range 4 {
					spec, everyHour := randomSpec(random, change.In(location))
					from, to := change.Add(-40*time.Hour), change.Add(40*time.Hour)
					model := minutes(t, spec, location, from.Add(-10*time.Hour), to.Add(10*time.Hour), everyHour)
					compare(t, spec, zone, model, from, to)
				}
			}
		})
	}
}

// changes returns instants at which the zone's clock changes, or a few ordinary ones
// if it never does.
func changes(zone *time.Location) []time.Time {
	var all []time.Time
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for len(all) < 8 {
		_, end := at.In(zone).ZoneBounds()
		if end.IsZero() {
			end = at.AddDate(0, 3, 7).Add(5 * time.Hour)
		}
		all = append(all, end.UTC())
		at = end
	}
	return all
}

// randomSpec returns a schedule with times near that instant, and whether it covers
// every hour.
func randomSpec(random *rand.Rand, about time.Time) (spec string, everyHour bool) {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	minute := pick("0", "30", "15", "45", "*", "*/7", "*/20", "59", fmt.Sprint(random.IntN(60)), "10,40")
	hour := pick("*", "*", "*/1", "0-23", "*/2", "1-3", "0", "1", "2", "3", "23", fmt.Sprint(random.IntN(24)))
	day := pick("*", "*", fmt.Sprint(about.Day()), fmt.Sprint(about.AddDate(0, 0, -1).Day()))
	weekday := pick("*", "*", fmt.Sprint(int(about.Weekday())), "SAT,SUN")
	switch hour {
	case "*", "*/1", "0-23":
		everyHour = true
	}
	return minute + " " + hour + " " + day + " * " + weekday, everyHour
}

// compare checks the schedule against its model from one time to another, and from
// every minute in between.
func compare(t *testing.T, spec, zone string, model map[time.Time]bool, from, to time.Time) {
	t.Helper()
	s, err := Parse(spec, zone, from)
	if err != nil {
		t.Fatal(err)
	}
	want := time.Time{} // the first time of the model after u
	for u := to; u.After(from); u = u.Add(-time.Minute) {
		if model[u] {
			want = u
		}
		before := u.Add(-time.Minute)
		got := s.Next(before)
		if got.After(to) {
			got = time.Time{}
		}
		if !got.Equal(want) {
			t.Errorf("%q in %s: after %s comes %s, want %s", spec, zone, before, got, want)
			return
		}
	}
}

func TestScheduleSince(t *testing.T) {
	s, err := Parse("@hourly", "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	s = s.Since(at(t, "2026-03-01T12:00:00Z"))
	if next := s.Next(at(t, "2026-03-01T08:30:00Z")); !next.Equal(at(t, "2026-03-01T13:00:00Z")) {
		t.Errorf("a time from before the schedule was in force: %s", next)
	}
	if !s.Has(at(t, "2026-03-01T14:00:00Z")) || s.Has(at(t, "2026-03-01T14:30:00Z")) || s.Has(at(t, "2026-03-01T12:00:00Z")) {
		t.Error("Has is wrong about the schedule's times")
	}
}
