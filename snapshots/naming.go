package snapshots

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// runLayout is the format of the time in snapshot names and run labels, in UTC.
const runLayout = "20060102-150405"

// FormatRun returns the scheduled time of a run as a label value.
func FormatRun(scheduled time.Time) string {
	return scheduled.UTC().Format(runLayout)
}

// ParseRun returns the time that [FormatRun] wrote.
func ParseRun(run string) (time.Time, error) {
	t, err := time.Parse(runLayout, run)
	if err != nil {
		return time.Time{}, fmt.Errorf("run %q is not a time of the form %s: %w", run, runLayout, err)
	}
	return t, nil
}

// Name returns the name of the snapshot that a run of a backup takes of a PVC:
// <pvc>-<YYYYMMDD>-<HHMMSS>-<5 characters>. The same run always gives the same
// name, so that it never makes two snapshots.
func Name(pvc, backup string, scheduled time.Time) string {
	suffix := "-" + FormatRun(scheduled) + "-" + hash(backup, 5)
	return shorten(pvc, validation.DNS1123SubdomainMaxLength-len(suffix)) + suffix
}

// named matches the end of every name that [Name] returns.
var named = regexp.MustCompile(`-[0-9]{8}-[0-9]{6}-[0-9a-f]{5}$`)

// IsName reports whether a run can have made a VolumeSnapshot of this name.
func IsName(name string) bool { return named.MatchString(name) }

// LabelValue returns the name as a label value: the name itself if it fits, else
// its beginning and a hash. The full name is then in an annotation.
func LabelValue(name string) string {
	return shorten(name, validation.LabelValueMaxLength)
}

// shorten cuts an object name to at most n characters. A hash replaces the rest,
// so that two different names stay different.
func shorten(name string, n int) string {
	if len(name) <= n {
		return name
	}
	const hashed = 10
	return strings.TrimRight(name[:n-hashed-1], "-.") + "-" + hash(name, hashed)
}
