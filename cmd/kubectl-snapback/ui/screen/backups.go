package screen

import (
	"fmt"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// nextRuns is how many of the next runs of a KafkaBackup are shown.
const nextRuns = 5

// Backups is the page of all KafkaBackups, those with problems first.
type Backups struct {
	Shown []Backup
	Pages Pages

	namespace string // of all of them; empty: of several
}

// Backup is a KafkaBackup, or the ConfigMap that holds one.
type Backup struct {
	inventory.BackupStatus
	Key      inventory.ClusterKey // the Kafka cluster that it is for
	Problems []inventory.Problem
	When     string      // its schedule and time zone
	Runs     []time.Time // the next ones
	Idle     string      // why there are none
	Missed   string      // how many runs were missed; empty: none
	Without  []string    // volumes of which the last run has no snapshot, and why
	Keeps    string      // its retention
	Drills   string      // what restore drills have proven; empty: none are asked for
	Actions  []Action
}

// NewBackups returns a part of the page of all KafkaBackups.
func NewBackups(i *inventory.Inventory, part Part, now time.Time) Backups {
	var all []Backup
	for _, s := range i.Statuses(now) {
		all = append(all, backupsOf(i, s, now)...)
	}
	b := Backups{}
	if len(all) > 0 && !slices.ContainsFunc(all, func(o Backup) bool { return o.Key.Namespace != all[0].Key.Namespace }) {
		b.namespace = all[0].Key.Namespace
	}
	slices.SortStableFunc(all, func(a, b Backup) int { return inventory.TrueFirst(len(a.Problems) > 0, len(b.Problems) > 0) })
	some := slices.DeleteFunc(slices.Clone(all), func(o Backup) bool {
		return !part.matches(o.Name, o.Key.String(), o.State(), o.Kind)
	})
	b.Shown, b.Pages = paged(some, len(all), part)
	return b
}

// backupsOf returns the KafkaBackups of one cluster.
func backupsOf(i *inventory.Inventory, s inventory.Status, now time.Time) (all []Backup) {
	for _, status := range s.Backups {
		n := slices.IndexFunc(i.Backups, func(b inventory.Backup) bool {
			return b.Namespace == s.Namespace && b.Name == status.Name && b.Kind() == status.Kind
		})
		if n < 0 {
			continue
		}
		b := newBackup(i.Backups[n], status, now)
		for _, p := range s.Problems {
			if p.Kind == b.Kind && p.Name == b.Name {
				b.Problems = append(b.Problems, p)
			}
		}
		all = append(all, b)
	}
	return all
}

func newBackup(of inventory.Backup, status inventory.BackupStatus, now time.Time) Backup {
	b := Backup{
		BackupStatus: status, Key: inventory.ClusterKey{Namespace: of.Namespace, Name: of.Spec.ClusterRef},
		When: of.When(), Keeps: of.Keeps(), Drills: status.Proven(now), Actions: BackupActions(of, now),
	}
	b.Runs, b.Idle = of.NextRuns(nextRuns, now)
	if n := of.Status.MissedRuns; n > 0 {
		b.Missed = fmt.Sprintf("%d: they could not be started within startingDeadlineSeconds", n)
	}
	if run := of.Status.LastRun; run != nil {
		b.Without = append(without("failed", run.FailedVolumes, run.Failed), without("skipped", run.SkippedVolumes, run.Skipped)...)
	}
	return b
}

// without says of which volumes a run has no snapshot. The status has only the first.
func without(what string, some []v1alpha1.VolumeProblem, n int32) (said []string) {
	for _, p := range some {
		said = append(said, fmt.Sprintf("claim %s %s: %s", p.PersistentVolumeClaim, what, p.Reason))
	}
	if more := int(n) - len(some); more > 0 {
		said = append(said, fmt.Sprintf("%d more %s", more, what))
	}
	return said
}

// LastTime returns the scheduled time of the last run; zero: there was none.
func (b Backup) LastTime() time.Time {
	if b.LastRun == nil {
		return time.Time{}
	}
	return b.LastRun.ScheduledTime.Time
}

// GoodTime returns the scheduled time of the last run whose snapshots all became ready.
func (b Backup) GoodTime() time.Time {
	if b.LastSuccessfulTime == nil {
		return time.Time{}
	}
	return b.LastSuccessfulTime.Time
}

// Title returns the page's title.
func (Backups) Title() string { return "KafkaBackups" }

// Command returns the kubectl command that says the same.
func (b Backups) Command() string {
	if b.namespace == "" {
		return "kubectl snapback status -A"
	}
	return "kubectl snapback status -n " + b.namespace
}
