package inventory

import (
	"fmt"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// When returns, in words, when the KafkaBackup runs.
func (b Backup) When() string {
	zone := b.Spec.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	said := b.Spec.Schedule + " in the time zone " + zone
	if strings.HasPrefix(strings.TrimSpace(b.Spec.Schedule), "@every ") {
		said = b.Spec.Schedule + ", counted from its creation"
	}
	if b.Spec.Jitter != "" {
		said += fmt.Sprintf(", each later by the same part of %s", b.Spec.Jitter)
	}
	return said
}

// NextRuns returns the times of its next n runs, or why there are none.
func (b Backup) NextRuns(n int, now time.Time) (times []time.Time, idle string) {
	if why := b.CannotRun(); why != "" {
		return nil, why
	}
	if b.Spec.Suspend {
		return nil, "it is suspended"
	}
	schedule, err := snapshots.Times(b.KafkaBackup)
	if err != nil {
		return nil, err.Error()
	}
	next := schedule.Next(now)
	if said := b.Status.NextScheduleTime; said != nil && said.After(now) { // an edit may be in force from a later time on
		next = said.Time
	}
	for ; len(times) < n && !next.IsZero(); next = schedule.Next(next) {
		times = append(times, next)
	}
	if len(times) == 0 {
		idle = "its schedule has no time in the next five years"
	}
	return times, idle
}

// Keeps returns, in words, which snapshots the KafkaBackup keeps.
func (b Backup) Keeps() string {
	var until []string
	if age := b.Parsed.Retention.Time; age > 0 {
		until = append(until, "it is older than "+b.Spec.RetentionTime)
	}
	if n := b.Parsed.Retention.Count; n > 0 {
		until = append(until, fmt.Sprintf("%d newer ones of its volume are ready", n))
	}
	if len(until) == 0 {
		return "each snapshot, for ever"
	}
	return "each snapshot until " + strings.Join(until, " or ") + ", and the newest two of a volume whatever their age"
}

// Outlived returns, by the names of the volume's snapshots, which of them have outlived
// the retention of the KafkaBackup, and why they stay all the same; empty: they may go.
func (b Backup) Outlived(v *Volume, now time.Time) map[string]snapshots.Kept {
	var own []snapshots.Snapshot
	for _, s := range v.Snapshots {
		if s.Annotations[v1alpha1.AnnotationBackupName] == b.Name {
			own = append(own, s)
		}
	}
	waits := map[string]bool{}
	for _, pvc := range v.Claims {
		waits[snapshots.WaitsFor(pvc)] = true
	}
	_, frozen := b.Annotations[v1alpha1.AnnotationFreeze]
	found := map[string]snapshots.Kept{}
	for _, s := range b.Parsed.Retention.Prunable(own, waits, now) {
		found[s.Name] = ""
	}
	for kept, some := range b.Parsed.Retention.Beyond(own, waits, frozen, now) {
		for _, s := range some {
			found[s.Name] = kept
		}
	}
	return found
}
