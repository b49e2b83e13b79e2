// Package proof judges what restore drills have proven. The process that drills
// writes its reports on the VolumeSnapshots; the scheduler reads them from there.
package proof

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Volume is a volume of the cluster that drills can prove.
type Volume struct {
	Slot string
	Own  []snapshots.Snapshot // the KafkaBackup's snapshots of it
	Good *snapshots.Snapshot  // what its claim would get if it were lost; nil: nothing that is ready
}

// Keep returns the reports that a status keeps of all known ones: the newest first,
// at most [v1alpha1.MaxDrills]. The newest of all stays, and then the newest verdict
// of each volume: a drill that fails again and again must not push out what the
// others have proven.
func Keep(all []v1alpha1.DrillReport) []v1alpha1.DrillReport {
	if len(all) <= v1alpha1.MaxDrills {
		return all
	}
	keep, volumes, n := map[int]bool{0: true}, map[string]bool{}, 1
	take := func(i int) {
		if n < v1alpha1.MaxDrills && !keep[i] {
			keep[i] = true
			n++
		}
	}
	for i, r := range all {
		if r.Result != v1alpha1.DrillFailed && !volumes[r.Volume] {
			volumes[r.Volume] = true
			take(i)
		}
	}
	for i := range all {
		take(i)
	}
	kept := make([]v1alpha1.DrillReport, 0, n)
	for i, r := range all {
		if keep[i] {
			kept = append(kept, r)
		}
	}
	return kept
}

// Measure is what the drills of a volume have measured.
type Measure struct {
	LastSuccess time.Time     // when a drill last found a snapshot sound; zero: none has
	Restore     time.Duration // from the claim until the volume could be read, in the last drill with a verdict; 0: not known
	Duration    time.Duration // of that whole drill; 0: there is none
}

// Measures returns what the drills of each volume have measured, by its slot. The
// reports are sorted, the newest first.
func Measures(all []v1alpha1.DrillReport) map[string]Measure {
	measures := map[string]Measure{}
	for _, r := range all {
		if r.Result == v1alpha1.DrillFailed {
			continue
		}
		m, known := measures[r.Volume]
		if !known {
			m.Duration = r.FinishedTime.Sub(r.StartedTime.Time)
			m.Restore = sinceStart(r, r.MountedTime)
		}
		if r.Result == v1alpha1.DrillSound && m.LastSuccess.IsZero() {
			m.LastSuccess = r.FinishedTime.Time
		}
		measures[r.Volume] = m
	}
	return measures
}

func sinceStart(r v1alpha1.DrillReport, t *metav1.Time) time.Duration {
	if t == nil {
		return 0
	}
	return t.Sub(r.StartedTime.Time)
}

// proven reports whether the newest snapshot of the volume that any report has a
// verdict on is sound.
func proven(slot string, all []v1alpha1.DrillReport) bool {
	var newest *v1alpha1.DrillReport
	for i := range all {
		r := &all[i]
		if r.Volume == slot && r.Result != v1alpha1.DrillFailed && (newest == nil || r.RunTime.After(newest.RunTime.Time)) {
			newest = r
		}
	}
	return newest != nil && newest.Result == v1alpha1.DrillSound
}

// damaged returns the newest snapshot of the volume that has a verdict, with the
// verdict; false if that is not Damaged.
func (v Volume) damaged(now time.Time) (snapshots.Snapshot, v1alpha1.DrillReport, bool) {
	var newest snapshots.Snapshot
	var verdict v1alpha1.DrillReport
	for i := range v.Own {
		s := &v.Own[i]
		if _, judged := s.Verdict(); !judged || s.Deleting || !newest.Scheduled.IsZero() && !s.Scheduled.After(newest.Scheduled) {
			continue
		}
		if r, ok := verdictOf(*s, now); ok {
			newest, verdict = *s, r
		}
	}
	return newest, verdict, verdict.Result == v1alpha1.DrillDamaged
}

// verdictOf returns the verdict on the snapshot, if there is one that can be true.
func verdictOf(s snapshots.Snapshot, now time.Time) (v1alpha1.DrillReport, bool) {
	for _, r := range snapshots.DrillReports([]snapshots.Snapshot{s}, nil, now) {
		if r.Result != v1alpha1.DrillFailed {
			return r, true
		}
	}
	return v1alpha1.DrillReport{}, false
}

// BySlot orders volumes.
func BySlot(a, b Volume) int { return strings.Compare(a.Slot, b.Slot) }
