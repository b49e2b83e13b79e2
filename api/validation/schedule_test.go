package validation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/validation"
)

// FuzzScheduleGrammar compares the CRD's rules of schedules and zones with
// [schedule.Parse], which is their grammar. Everything that the rules accept can be
// parsed, except what CEL cannot check: numbers, ranges and names of a cron
// expression.
func FuzzScheduleGrammar(f *testing.F) {
	for _, spec := range []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", "@every 1h", "@every  1.5h30m",
		"@every 1s", "@every 999ms", "@every 99999999h", "@every 1us", "@every -1h", "@every ", "@every\t1h", "@every 1h ", " @hourly", "@reboot",
		"*/15 * * * *", "  0  0  1  1  ?  ", "0 0 29 2 *", "0 0 31 2 *", "99 * * * *", "5-1 * * * *", "*/0 * * * *", "0 0 1 JAN-MAR mon,FRI",
		"0 0 * * * *", "TZ=UTC 0 * * * *", "0 0 L * *", "0\t0 * * *", ""} {
		f.Add(spec, "")
	}
	for _, zone := range []string{"UTC", "Europe/Budapest", "Europe/Atlantis", "Local", "+01:00", "europe/budapest", "../etc/passwd", "Etc/GMT+5", "UTC\x00", " UTC"} {
		f.Add("@hourly", zone)
	}
	f.Fuzz(func(t *testing.T, spec, zone string) {
		s := good()
		s.Schedule, s.TimeZone = spec, zone
		if validation.Spec(s) != nil {
			return
		}
		_, err := schedule.Parse(spec, zone, time.Unix(1_800_000_000, 0))
		if err == nil {
			return
		}
		if cron := !strings.HasPrefix(spec, "@"); !cron || !strings.HasPrefix(err.Error(), "spec.schedule") {
			t.Errorf("the CRD lets %q in %q through, which cannot be parsed: %v", spec, zone, err)
		}
	})
}
