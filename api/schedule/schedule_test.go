package schedule

import (
	"strings"
	"testing"
	"time"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestScheduleNext(t *testing.T) {
	anchor := "2026-03-01T10:07:30Z"
	tests := map[string]struct{ spec, zone, after, want string }{
		"every, before the anchor":   {"@every 1h", "", "2026-03-01T09:00:00Z", "2026-03-01T11:07:30Z"},
		"every, at the anchor":       {"@every 1h", "", "2026-03-01T10:07:30Z", "2026-03-01T11:07:30Z"},
		"every, at one of its times": {"@every 1h", "", "2026-03-01T11:07:30Z", "2026-03-01T12:07:30Z"},
		"every, a year on":           {"@every 1h", "", "2027-03-01T00:00:00Z", "2027-03-01T00:07:30Z"},
		"every, not whole seconds":   {"@every 1500ms", "", "2026-03-01T10:07:30Z", "2026-03-01T10:07:31Z"},
		"every two centuries":        {"@every 2000000h", "", "2026-03-01T10:07:30Z", "2254-04-28T18:07:30Z"},
		"hourly":                     {"@hourly", "", "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"},
		"cron in UTC":                {"30 2 * * *", "", "2026-03-01T10:00:00Z", "2026-03-02T02:30:00Z"},
		"cron in Budapest, winter":   {"30 2 * * *", "Europe/Budapest", "2026-03-01T10:00:00Z", "2026-03-02T01:30:00Z"},
		"cron in Budapest, summer":   {"30 2 * * *", "Europe/Budapest", "2026-07-01T10:00:00Z", "2026-07-02T00:30:00Z"},
		"daily in Tokyo":             {"@daily", "Asia/Tokyo", "2026-03-01T10:00:00Z", "2026-03-01T15:00:00Z"},
	}
	for name, test := range tests {
		s, err := Parse(test.spec, test.zone, at(t, anchor))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := s.Next(at(t, test.after)); !got.Equal(at(t, test.want)) || got.Location() != time.UTC {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestSchedulePeriod(t *testing.T) {
	const day = 24 * time.Hour
	noon := "2026-03-02T12:00:00Z" // a Monday
	for name, test := range map[string]struct {
		spec   string
		within time.Duration
		want   time.Duration
	}{
		"hourly":                  {"@hourly", 7 * day, time.Hour},
		"more than are counted":   {"@every 1m", 365 * day, time.Minute},
		"on weekdays":             {"0 12 * * 1-5", 7 * day, 7 * day / 5},
		"once within":             {"@daily", day, day},
		"rarer":                   {"@weekly", day, day},
		"at the end, and no more": {"@every 24h", day, day},
	} {
		s, err := Parse(test.spec, "", at(t, noon))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Period(at(t, noon), test.within); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestScheduleLatest(t *testing.T) {
	s, err := Parse("@every 1h", "", at(t, "2026-03-01T10:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	first := at(t, "2026-03-01T11:00:00Z")
	for now, want := range map[string]struct {
		latest string
		n      int
	}{
		"2026-03-01T10:59:59Z": {"", 0},
		"2026-03-01T11:00:00Z": {"2026-03-01T11:00:00Z", 1},
		"2026-03-01T13:59:59Z": {"2026-03-01T13:00:00Z", 3},
	} {
		latest, n := s.Latest(first, at(t, now))
		if n != want.n || n > 0 && !latest.Equal(at(t, want.latest)) {
			t.Errorf("at %s: %s, %d times; want %s, %d", now, latest, n, want.latest, want.n)
		}
	}
}

// TestLatestOfLongAgo finds the latest of more times than are counted, and compares it
// with a naive walk.
func TestLatestOfLongAgo(t *testing.T) {
	now := at(t, "2026-03-01T10:07:31Z")
	for _, test := range []struct {
		spec, zone, first string
		want              string
	}{
		{"* * * * *", "", "2016-01-01T00:00:00Z", "2026-03-01T10:07:00Z"},
		{"* * * * *", "", "0001-01-02T00:00:00Z", "2026-03-01T10:07:00Z"},
		{"@every 1s", "", "2026-02-28T00:00:00Z", "2026-03-01T10:07:31Z"},
		{"@every 1500ms", "", "2026-02-28T00:00:00Z", "2026-03-01T10:07:31Z"},
		{"30 2 * * *", "Europe/Budapest", "2016-01-01T01:30:00Z", "2026-03-01T01:30:00Z"},
		{"*/15 * * * *", "Australia/Lord_Howe", "2016-01-01T00:00:00Z", "2026-03-01T10:00:00Z"},
	} {
		s, err := Parse(test.spec, test.zone, at(t, "2016-01-01T00:00:00Z"))
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		latest, n := s.Latest(at(t, test.first), now)
		for next := latest; asked < 2 && !next.After(now); next = s.Next(next) {
			asked++
		}
		if !latest.Equal(at(t, test.want)) || n != MaxCounted || asked != 1 {
			t.Errorf("%q since %s: %s, %d times; want %s, %d", test.spec, test.first, latest, n, test.want, MaxCounted)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ spec, zone, says string }{
		{"", "", "spec.schedule"},
		{"* * * *", "", "spec.schedule"},
		{"60 * * * *", "", "spec.schedule"},
		{"0 0 30 2 *", "", "no such day"},
		{"TZ=UTC 0 * * * *", "", "spec.timeZone"},
		{"@every", "", "spec.schedule"},
		{"@every 0s", "", "at least one second"},
		{"@every -1h", "", "at least one second"},
		{"@hourly", "Europe/Atlantis", "spec.timeZone"},
		{"@hourly", "Local", "spec.timeZone"},
	}
	for _, test := range tests {
		_, err := Parse(test.spec, test.zone, time.Unix(0, 0))
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q in %q: an error that says %q expected, got %v", test.spec, test.zone, test.says, err)
		}
	}
}

// FuzzSchedule looks for schedules that stand still or go back, or whose times depend
// on the time from which the search starts.
func FuzzSchedule(f *testing.F) {
	for _, spec := range []string{"@every 1h", "@hourly", "*/5 * * * *", "0 0 29 2 *", "0 0 31 * MON-FRI"} {
		f.Add(spec, "Europe/Budapest", int64(1_800_000_000))
	}
	f.Add("15 2 * * *", "Australia/Lord_Howe", int64(1_791_000_000))
	f.Add("0 0 29 2 *", "Europe/Budapest", int64(2_240_000_000)) // the end of a leap year, by the zone's rule
	f.Add("@daily", "Pacific/Apia", int64(1_325_203_200))        // a day was left out
	f.Fuzz(func(t *testing.T, spec, zone string, unix int64) {
		unix = min(max(unix, 0), 4_000_000_000)
		s, err := Parse(spec, zone, time.Unix(1_700_000_000, 0))
		if err != nil {
			return
		}
		now := time.Unix(unix, 0)
		for range 5 {
			next := s.Next(now)
			if next.IsZero() { // no such day within five years of this time
				return
			}
			if !next.After(now) {
				t.Fatalf("%q in %q: after %s comes %s", spec, zone, now, next)
			}
			between := now.Add(next.Sub(now) / 2)
			if between.Before(next) && !s.Next(between).Equal(next) {
				t.Fatalf("%q in %q: after %s comes %s, after %s comes %s", spec, zone, now, next, between, s.Next(between))
			}
			now = next
		}
	})
}
