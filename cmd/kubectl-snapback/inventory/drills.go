package inventory

import (
	"cmp"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Drill is the report of a restore drill. It is part of the plugin's stable JSON
// form.
type Drill struct {
	KafkaBackup          string `json:"kafkaBackup"` // whose run took the snapshot
	v1alpha1.DrillReport `json:",inline"`

	RestoreSeconds  int64 `json:"restoreSeconds,omitempty"` // from the claim until the restored volume could be read; absent: it could not
	DurationSeconds int64 `json:"durationSeconds"`          // of the whole drill
}

// Drills returns all reports of restore drills that are known of the inventory's
// volumes, the newest first: those on the snapshots, and those that the KafkaBackups
// remember of snapshots that are gone.
func (i *Inventory) Drills(now time.Time) []Drill {
	type key struct{ namespace, name string }
	taken, known := map[key][]snapshots.Snapshot{}, map[key][]v1alpha1.DrillReport{}
	for _, v := range i.Volumes {
		for _, s := range v.Snapshots {
			k := key{v.Namespace, s.Annotations[v1alpha1.AnnotationBackupName]}
			taken[k] = append(taken[k], s)
		}
	}
	for _, b := range i.Backups {
		k := key{b.Namespace, b.Name}
		known[k] = b.Status.Drills
		if _, ok := taken[k]; !ok { // it has no snapshot any more
			taken[k] = nil
		}
	}
	all := []Drill{}
	for k := range taken {
		for _, r := range snapshots.DrillReports(taken[k], known[k], now) {
			all = append(all, drillOf(k.name, r))
		}
	}
	slices.SortFunc(all, func(a, b Drill) int {
		return cmp.Or(b.FinishedTime.Compare(a.FinishedTime.Time), b.StartedTime.Compare(a.StartedTime.Time), cmp.Compare(a.VolumeSnapshot, b.VolumeSnapshot))
	})
	return all
}

func drillOf(backup string, r v1alpha1.DrillReport) Drill {
	d := Drill{KafkaBackup: backup, DrillReport: r, DurationSeconds: int64(r.FinishedTime.Sub(r.StartedTime.Time).Seconds())}
	if r.MountedTime != nil {
		d.RestoreSeconds = int64(r.MountedTime.Sub(r.StartedTime.Time).Seconds())
	}
	return d
}
