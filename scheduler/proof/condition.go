package proof

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
)

// Seen is what the proof of a KafkaBackup is judged by.
type Seen struct {
	KafkaBackup *v1alpha1.KafkaBackup // its condition is the one of the last look
	Reports     []v1alpha1.DrillReport
	Volumes     []Volume
	Installed   bool // the component that drills
	Resumed     bool // since the last look there is something to drill again: it was suspended, or had no snapshot
}

const (
	// periods is the number of due drills without a report that is too many.
	periods = 2

	// maxQuoted is the length of what a report says, where a condition quotes it.
	maxQuoted = 256
)

// Condition returns the condition BackupsProven; nil: the KafkaBackup has no
// spec.drill. Its transition time is set: since then it has this status, or since
// then drills can be made.
func Condition(seen Seen, now time.Time) *metav1.Condition {
	if seen.KafkaBackup.Spec.Drill == nil {
		return nil
	}
	before := meta.FindStatusCondition(seen.KafkaBackup.Status.Conditions, v1alpha1.ConditionBackupsProven)
	begins := before == nil || before.Reason == v1alpha1.ReasonDrillsNotInstalled && seen.Installed || seen.Resumed
	since := now
	if !begins {
		since = before.LastTransitionTime.Time
	}
	c := seen.judge(before, since, now)
	c.Type, c.ObservedGeneration = v1alpha1.ConditionBackupsProven, seen.KafkaBackup.Generation
	c.LastTransitionTime = metav1.NewTime(since)
	if !begins && before.Status != c.Status {
		c.LastTransitionTime = metav1.NewTime(now)
	}
	return &c
}

// judge returns status, reason and text.
func (seen Seen) judge(before *metav1.Condition, since, now time.Time) metav1.Condition {
	if !seen.Installed {
		return not(v1alpha1.ReasonDrillsNotInstalled, "Snapback is installed without its component \"drills\", and no snapshot is proven: "+
			"install it (kustomize: the component drills; Helm: drills.enabled=true), or remove spec.drill")
	}
	if damaged := seen.damaged(now); len(damaged) > 0 {
		return not(v1alpha1.ReasonSnapshotDamaged, fmt.Sprintf("%s. Look at the disks of the brokers, and at %s",
			snapshots.FirstOf(damaged, texts.MaxNamed, "; "), seen.list()))
	}
	times, err := schedule.Parse(seen.KafkaBackup.Spec.Drill.Schedule, seen.KafkaBackup.Spec.TimeZone, seen.KafkaBackup.CreationTimestamp.Time)
	if err != nil {
		return not(v1alpha1.ReasonDrillFailed, "No drill is made, correct spec.drill.schedule: "+texts.FirstBytes(err.Error(), maxQuoted))
	}
	if r, ok := seen.failed(); ok {
		return not(v1alpha1.ReasonDrillFailed, fmt.Sprintf("The last drill of volume %s, of VolumeSnapshot %s, came to no verdict: %s. Its next one tries again; %s has the others",
			r.Volume, r.VolumeSnapshot, quoted(r.Message), seen.list()))
	}
	if seen.overdue(times, before, since, now) {
		return not(v1alpha1.ReasonDrillOverdue, "No drill has ended although two were due by spec.drill.schedule: "+
			"look at the log of the Deployment "+v1alpha1.DrillsName+" in Snapback's own namespace, or ask \"kubectl snapback doctor\"")
	}
	return seen.proven()
}

// failed returns the newest report without a verdict that is the last of its volume.
// The drills of other volumes that ended well since then say nothing of that one.
func (seen Seen) failed() (v1alpha1.DrillReport, bool) {
	there, later := map[string]bool{}, map[string]bool{}
	for _, v := range seen.Volumes {
		there[v.Slot] = true
	}
	for i, r := range seen.Reports {
		if r.Result == v1alpha1.DrillFailed && !later[r.Volume] && (i == 0 || there[r.Volume]) {
			return r, true
		}
		later[r.Volume] = true
	}
	return v1alpha1.DrillReport{}, false
}

func not(reason, message string) metav1.Condition {
	return metav1.Condition{Status: metav1.ConditionFalse, Reason: reason, Message: message}
}

// list returns the command that lists the reports.
func (seen Seen) list() string {
	return fmt.Sprintf("\"kubectl snapback drills %s -n %s\"", kafka.ShellWord(seen.KafkaBackup.Spec.ClusterRef), seen.KafkaBackup.Namespace)
}

// quoted returns what a report says, short and on one line.
func quoted(message string) string {
	return texts.FirstBytes(strings.Join(strings.Fields(message), " "), maxQuoted)
}

// damaged describes the damaged snapshots, one of each volume.
func (seen Seen) damaged(now time.Time) []string {
	var all []string
	for _, v := range seen.Volumes {
		if s, verdict, ok := v.damaged(now); ok {
			all = append(all, fmt.Sprintf("VolumeSnapshot %s of volume %s is damaged (%s): %s", s.Name, v.Slot, quoted(verdict.Message), v.instead(s, now)))
		}
	}
	return all
}

// instead says what a lost claim would get in place of a damaged snapshot. It does
// not name a newer one, of which each run takes another.
func (v Volume) instead(of snapshots.Snapshot, now time.Time) string {
	if v.Good == nil {
		return "there is no snapshot that a lost claim would get"
	}
	verdict, read := verdictOf(*v.Good, now)
	known := "which no drill has read yet"
	switch {
	case verdict.Result == v1alpha1.DrillDamaged:
		return "there is no good one, and a lost claim would get VolumeSnapshot " + v.Good.Name + " in spite of its damage"
	case read:
		known = "which a drill has found sound"
	}
	if v.Good.Scheduled.After(of.Scheduled) {
		return "a lost claim would get a newer one, " + known
	}
	return fmt.Sprintf("a lost claim would get VolumeSnapshot %s in its place, %s", v.Good.Name, known)
}

// overdue reports whether too many drills were due without a report. They are
// counted from the last report, and at the earliest from when drills could be made.
func (seen Seen) overdue(times schedule.Schedule, before *metav1.Condition, since, now time.Time) bool {
	if seen.KafkaBackup.Spec.Suspend || !seen.drillable() {
		return false
	}
	from := seen.KafkaBackup.CreationTimestamp.Time
	if len(seen.Reports) > 0 {
		from = later(from, seen.Reports[0].FinishedTime.Time)
	}
	if before == nil || before.Reason != v1alpha1.ReasonDrillOverdue || seen.Resumed { // else it is since it was overdue
		from = later(from, since)
	}
	for range periods {
		if from = times.Next(from); from.IsZero() {
			return false
		}
	}
	return now.After(from.Add(snapshots.DrillTimeout(*seen.KafkaBackup.Spec.Drill)))
}

// drillable reports whether there is a snapshot to drill.
func (seen Seen) drillable() bool {
	for _, v := range seen.Volumes {
		if len(v.Own) > 0 {
			return true
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// proven says of how many volumes a snapshot is proven. A status does not remember
// more than [v1alpha1.MaxDrills] volumes: as many are enough.
func (seen Seen) proven() metav1.Condition {
	n, all := 0, len(seen.Volumes)
	for _, v := range seen.Volumes {
		if proven(v.Slot, seen.Reports) {
			n++
		}
	}
	c := metav1.Condition{Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonNotProvenYet}
	switch {
	case all == 0 || !seen.drillable() && n == 0:
		c.Message = "No volume has a snapshot yet that a drill can read"
	case n < min(all, v1alpha1.MaxDrills):
		c.Message = fmt.Sprintf("%d of %d volumes have been proven: each has its turn by spec.drill.schedule", n, all)
	default:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonProven
		c.Message = fmt.Sprintf("The last drill of each of %d volumes ended well", all)
		if all > v1alpha1.MaxDrills {
			c.Message = fmt.Sprintf("The last drills ended well, of at least %d of %d volumes: more are not remembered", v1alpha1.MaxDrills, all)
		}
	}
	return c
}
