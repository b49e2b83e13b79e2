package snapshots

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// runLayout is the time in snapshot names and run labels, in UTC.
const runLayout = "20060102-150405"

// FormatRun is the scheduled time of a run as a label value.
func FormatRun(scheduled time.Time) string {
	return scheduled.UTC().Format(runLayout)
}

// ParseRun reads what [FormatRun] wrote.
func ParseRun(run string) (time.Time, error) {
	t, err := time.Parse(runLayout, run)
	if err != nil {
		return time.Time{}, fmt.Errorf("run %q is not a time of the form %s: %w", run, runLayout, err)
	}
	return t, nil
}

// Name is the name of the snapshot that a run of a backup takes of a PVC:
// <pvc>-<YYYYMMDD>-<HHMMSS>-<5 characters>. The same run never makes two.
func Name(pvc, backup string, scheduled time.Time) string {
	suffix := "-" + FormatRun(scheduled) + "-" + hash(backup, 5)
	return shorten(pvc, validation.DNS1123SubdomainMaxLength-len(suffix)) + suffix
}

// named is the end of what [Name] returns.
var named = regexp.MustCompile(`-[0-9]{8}-[0-9]{6}-[0-9a-f]{5}$`)

// IsName reports whether a VolumeSnapshot of this name can be of a run.
func IsName(name string) bool { return named.MatchString(name) }

// LabelValue is the name as a label value: the name itself if it fits, else
// its beginning and a hash. The name in full is then in an annotation.
func LabelValue(name string) string {
	return shorten(name, validation.LabelValueMaxLength)
}

// shorten cuts an object name to at most n characters, with a hash in place of
// what it cut, so that two names stay two.
func shorten(name string, n int) string {
	if len(name) <= n {
		return name
	}
	const hashed = 10
	return strings.TrimRight(name[:n-hashed-1], "-.") + "-" + hash(name, hashed)
}
