package scheduler

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/proof"
	"github.com/snapback-dev/snapback/scheduler/turns"
	"github.com/snapback-dev/snapback/scheduler/verify"
	"github.com/snapback-dev/snapback/snapshots"
)

// listTimeout is the limit for listing the KafkaBackups in a scrape. The list
// waits while the cache is being filled.
const listTimeout = 2 * time.Second

// termFigures holds the figures of all KafkaBackups for one term of leadership.
type termFigures struct {
	clock clockwork.Clock
	begun time.Time // when the term began
	known func(context.Context) ([]*v1alpha1.KafkaBackup, error)
	turns *turns.Turns // nil: none

	mu sync.Mutex
	of map[types.NamespacedName]*figures
}

// begin sets what the figures of a term are computed from: the clock, and the
// list of KafkaBackups.
func (t *termFigures) begin(clock clockwork.Clock, known func(context.Context) ([]*v1alpha1.KafkaBackup, error)) {
	t.clock, t.begun, t.known = clock, clock.Now(), known
}

// collect exports the figures as they are now. For a KafkaBackup that was not
// reconciled in this term it exports the figures of its status. Otherwise a
// reconciliation that hangs after a failover would silence the alerts. If the
// KafkaBackups cannot be listed, their number is absent, and that is an alert.
func (t *termFigures) collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	now := t.clock.Now()
	known, err := t.known(ctx)
	if err == nil {
		out <- prometheus.MustNewConstMetric(knownDesc, prometheus.GaugeValue, float64(len(known)))
	}
	if t.turns != nil {
		for class, f := range t.turns.Figures(now) {
			out <- prometheus.MustNewConstMetric(runsWaitingDesc, prometheus.GaugeValue, float64(f.Waiting), class)
			out <- prometheus.MustNewConstMetric(inFlightDesc, prometheus.GaugeValue, float64(f.UnderWay), class)
			out <- prometheus.MustNewConstMetric(inFlightLimitDesc, prometheus.GaugeValue, float64(f.Limit), class)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, kb := range known {
		key := client.ObjectKeyFromObject(kb)
		f := storedFigures(kb, now)
		if of := t.of[key]; of != nil {
			f.looked, f.observed = of.looked, of.observed
		}
		if !f.observed {
			f.collect(out, key, t.begun, now)
		}
	}
	for key, f := range t.of {
		if f.observed {
			f.collect(out, key, t.begun, now)
		}
	}
}

// storedFigures are the figures that can be read from a status alone.
func storedFigures(kb *v1alpha1.KafkaBackup, now time.Time) figures {
	s := plausible(kb.Status, kb.CreationTimestamp.Time, now)
	f := figures{
		missed: float64(s.MissedRuns), volumes: float64(s.Volumes), orphaned: float64(s.OrphanedVolumes),
		lastSuccess: timeOf(s.LastSuccessfulTime), next: timeOf(s.NextScheduleTime),
		created: kb.CreationTimestamp.Time, conditions: s.Conditions, kafka: kafkaFigures{s.Kafka, limitOf(kb)},
		followed: followedIn(s.Restores),
	}
	if kb.Spec.Drill != nil {
		f.drills = proof.Measures(s.Drills)
	}
	if times, err := snapshots.Times(kb); err == nil {
		f.due = job{known: true, jobSpec: jobSpec{schedule: times, suspended: kb.Spec.Suspend}}
	}
	return f
}

// at returns the figures with the numbers that grow with time. They must grow
// also while no reconciliation ends.
func (f figures) at(now time.Time) figures {
	since := f.lastSuccess
	if since.IsZero() {
		since = f.created
	}
	f.sinceSuccess, f.sinceRecoveryPoint = f.due.dueSince(since, now), f.due.dueSince(f.recoveryPoint, now)
	for _, at := range f.newestReady {
		if f.due.dueSince(at, now) >= stuckRuns {
			f.leftBehind++
		}
	}
	return f
}

// collect exports the figures of one KafkaBackup. Before its first
// reconciliation these are only the figures of its status.
func (f figures) collect(out chan<- prometheus.Metric, key types.NamespacedName, begun, now time.Time) {
	f = f.at(now)
	if f.looked.IsZero() {
		f.looked = begun
	}
	for _, m := range exported {
		if v, ok := m.value(f); ok && (m.stored || f.observed) {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, v, key.Namespace, key.Name)
		}
	}
	for _, c := range f.conditions {
		out <- prometheus.MustNewConstMetric(conditionDesc, prometheus.GaugeValue, 1, key.Namespace, key.Name, c.Type, string(c.Status), c.Reason)
	}
	for why, kept := range f.kept() {
		out <- prometheus.MustNewConstMetric(keptDesc, prometheus.GaugeValue, kept.snapshots, key.Namespace, key.Name, string(why))
		out <- prometheus.MustNewConstMetric(keptBytesDesc, prometheus.GaugeValue, kept.bytes, key.Namespace, key.Name, string(why))
	}
	for finding, n := range f.findings {
		out <- prometheus.MustNewConstMetric(findingsDesc, prometheus.GaugeValue, float64(n), key.Namespace, key.Name, finding)
	}
	collectDrills(out, key, f.drills)
}

// beyond are the snapshots that are kept beyond the retention, by the reason.
func (seen view) beyond(now time.Time) map[snapshots.Kept][]snapshots.Snapshot {
	return seen.backup.Retention.Beyond(seen.own, seen.inUse, seen.forPruning().AllStay(), now)
}

// amount is a number of snapshots and the sum of their known sizes. A size is
// that of the volume: few storage systems report what a snapshot itself takes.
type amount struct{ snapshots, bytes float64 }

// kept are the amounts that are kept beyond the retention, by the reason; nil
// before the first reconciliation.
func (f figures) kept() map[snapshots.Kept]amount {
	if !f.observed {
		return nil
	}
	amounts := map[snapshots.Kept]amount{}
	for _, why := range snapshots.KeptReasons {
		var a amount
		for _, s := range f.beyond[why] {
			a.snapshots++
			if s.Size != nil {
				a.bytes += s.Size.AsApproximateFloat64()
			}
		}
		amounts[why] = a
	}
	return amounts
}

// looked notes that a KafkaBackup was reconciled without an error. It does
// nothing if the KafkaBackup is gone.
func (t *termFigures) looked(key types.NamespacedName, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.of[key]; f != nil {
		f.looked = now
	}
}

// update changes the figures of a KafkaBackup.
func (t *termFigures) update(key types.NamespacedName, change func(*figures)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[types.NamespacedName]*figures{}
	}
	if t.of[key] == nil {
		t.of[key] = &figures{}
	}
	change(t.of[key])
}

// remove ends the series of a KafkaBackup.
func (t *termFigures) remove(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.of, key)
}

// observe stores the figures that come from the status, the snapshots and the
// job. A new leader finds the same ones.
func (t *termFigures) observe(kb *v1alpha1.KafkaBackup, seen view, j job, now time.Time) {
	s := kb.Status
	t.update(types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}, func(f *figures) {
		f.missed, f.volumes, f.orphaned, f.snapshots = float64(s.MissedRuns), float64(s.Volumes), float64(s.OrphanedVolumes), float64(s.Snapshots)
		if f.restoreBytes = 0; s.RestoreSize != nil {
			f.restoreBytes = s.RestoreSize.AsApproximateFloat64()
		}
		f.lastSuccess = timeOf(s.LastSuccessfulTime)
		f.observed, f.newestReady, f.beyond = true, newestReady(seen), seen.beyond(now)
		f.next, f.due, f.created = timeOf(s.NextScheduleTime), j, kb.CreationTimestamp.Time
		// The skew of the run before stays until the last one has cuts, so that the series has no gaps.
		if s.LastRun != nil && s.LastRun.Skew != "" {
			f.ran = true
			f.skew, _ = time.ParseDuration(s.LastRun.Skew) // followRun wrote it
		}
	})
}

// observeGood stores the recovery point and the number of unprotected volumes.
// The snapshots are the newest good one of each volume.
func (t *termFigures) observeGood(kb *v1alpha1.KafkaBackup, volumes map[string]bool, good map[string]snapshots.Snapshot) {
	var newest, oldest time.Time
	for _, s := range good {
		if s.Scheduled.After(newest) {
			newest = s.Scheduled
		}
		if oldest.IsZero() || s.Scheduled.Before(oldest) {
			oldest = s.Scheduled
		}
	}
	t.update(types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}, func(f *figures) {
		f.newest, f.recoveryPoint, f.unprotected = newest, oldest, float64(len(volumes)-len(good))
	})
}

// observeFollowed stores what Kafka has made of the restores.
func (t *termFigures) observeFollowed(kb *v1alpha1.KafkaBackup) {
	f := followedIn(kb.Status.Restores)
	t.update(client.ObjectKeyFromObject(kb), func(all *figures) { all.followed = f })
}

// observeConditions stores the conditions of a KafkaBackup.
func (t *termFigures) observeConditions(kb *v1alpha1.KafkaBackup) {
	all := slices.Clone(kb.Status.Conditions)
	t.update(types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}, func(f *figures) { f.conditions = all })
}

// observeRestores stores the findings about the claims of a KafkaBackup, and adds
// the number of new restores.
func (t *termFigures) observeRestores(key types.NamespacedName, found verify.Result) {
	t.update(key, func(f *figures) {
		f.restored += float64(found.Restored)
		if found.Findings != nil {
			f.findings = found.Findings
		}
	})
}

// maxDueSince is the highest number of times that dueSince counts. More would
// mean the same to a reader.
const maxDueSince = 100

// dueSince counts the times of the schedule between t and now, whether or not a
// run was made. It uses the current schedule also for the time before an edit.
// For a suspended job it is 0.
func (j job) dueSince(t, now time.Time) float64 {
	if !j.known || j.suspended || t.IsZero() {
		return 0
	}
	schedule, n := j.schedule.Since(time.Time{}), 0
	for t = schedule.Next(t); n < maxDueSince && !t.IsZero() && !t.After(now); t = schedule.Next(t) {
		n++
	}
	return float64(n)
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}
