package scheduler

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// figures are what is exported of one KafkaBackup. Counters are of this term of
// leadership, except the missed runs, which the status counts.
type figures struct {
	runs, failures, pruned, restored float64

	missed, volumes, unprotected, orphaned, snapshots float64

	lastSuccess, newest, recoveryPoint, next time.Time // zero: none
	sinceSuccess, sinceRecoveryPoint         float64
	skew                                     time.Duration
	ran                                      bool // there is a last run, so that there is a skew

	conditions []metav1.Condition
	findings   map[string]int // claims by what is wrong with their data
}

// metric is one of the exported.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(figures) (float64, bool) // false: there is none
}

func exportedAs(kind prometheus.ValueType, name, help string, value func(figures) (float64, bool)) metric {
	return metric{prometheus.NewDesc(name, help, []string{"namespace", "kafkabackup"}, nil), kind, value}
}

func number(of func(figures) float64) func(figures) (float64, bool) {
	return func(f figures) (float64, bool) { return of(f), true }
}

func timestamp(of func(figures) time.Time) func(figures) (float64, bool) {
	return func(f figures) (float64, bool) { return float64(of(f).Unix()), !of(f).IsZero() }
}

// exported are all of the scheduler's, as docs/metrics.md lists them.
var exported = []metric{
	exportedAs(prometheus.CounterValue, "snapback_runs_total", "Runs whose creates have been answered.", number(func(f figures) float64 { return f.runs })),
	exportedAs(prometheus.CounterValue, "snapback_snapshot_failures_total", "Snapshots that runs could not create.", number(func(f figures) float64 { return f.failures })),
	exportedAs(prometheus.CounterValue, "snapback_missed_runs_total", "Times at which no run was started within the deadline.", number(func(f figures) float64 { return f.missed })),
	exportedAs(prometheus.CounterValue, "snapback_pruned_snapshots_total", "Snapshots deleted because they have outlived their retention.", number(func(f figures) float64 { return f.pruned })),
	exportedAs(prometheus.CounterValue, "snapback_restores_total", "Claims found bound to a volume that was filled from a snapshot.", number(func(f figures) float64 { return f.restored })),
	exportedAs(prometheus.GaugeValue, "snapback_last_success_timestamp_seconds", "Scheduled time of the last run all of whose snapshots became ready.", timestamp(func(f figures) time.Time { return f.lastSuccess })),
	exportedAs(prometheus.GaugeValue, "snapback_newest_snapshot_timestamp_seconds", "Scheduled time of the newest ready snapshot.", timestamp(func(f figures) time.Time { return f.newest })),
	exportedAs(prometheus.GaugeValue, "snapback_recovery_point_timestamp_seconds", "Scheduled time of the newest good snapshot of the volume where it is oldest: what is younger would be lost.", timestamp(func(f figures) time.Time { return f.recoveryPoint })),
	exportedAs(prometheus.GaugeValue, "snapback_next_run_timestamp_seconds", "Time at which the next run is due.", timestamp(func(f figures) time.Time { return f.next })),
	exportedAs(prometheus.GaugeValue, "snapback_runs_since_success", "Times at which a run was due since that of the last success, at most 100.", number(func(f figures) float64 { return f.sinceSuccess })),
	exportedAs(prometheus.GaugeValue, "snapback_runs_since_recovery_point", "Times at which a run was due since the recovery point, at most 100.", func(f figures) (float64, bool) { return f.sinceRecoveryPoint, !f.recoveryPoint.IsZero() }),
	exportedAs(prometheus.GaugeValue, "snapback_run_skew_seconds", "Time between the first and the last cut of the last run.", func(f figures) (float64, bool) { return f.skew.Seconds(), f.ran }),
	exportedAs(prometheus.GaugeValue, "snapback_volumes", "Volumes that a run is for.", number(func(f figures) float64 { return f.volumes })),
	exportedAs(prometheus.GaugeValue, "snapback_unprotected_volumes", "Volumes of which there is no good snapshot.", number(func(f figures) float64 { return f.unprotected })),
	exportedAs(prometheus.GaugeValue, "snapback_orphaned_volumes", "Volumes of which only snapshots are left.", number(func(f figures) float64 { return f.orphaned })),
	exportedAs(prometheus.GaugeValue, "snapback_snapshots", "VolumeSnapshots of the KafkaBackup.", number(func(f figures) float64 { return f.snapshots })),
}

// What more is exported; these have labels of their own.
var (
	leadsDesc     = prometheus.NewDesc("snapback_scheduler_leads", "Whether the scheduler of this container leads.", nil, nil)
	conditionDesc = prometheus.NewDesc("snapback_kafkabackup_condition", "Conditions that the KafkaBackup has: always 1.",
		[]string{"namespace", "kafkabackup", "condition", "status", "reason"}, nil)
	findingsDesc = prometheus.NewDesc("snapback_restore_findings", "Claims whose data is not what it should be, by what is wrong.",
		[]string{"namespace", "kafkabackup", "finding"}, nil)
)

// exporter has the figures of the terms of leadership that last.
type exporter struct {
	mu    sync.Mutex
	terms map[*termFigures]bool
}

var _ prometheus.Collector = &exporter{}

var theExporter = &exporter{terms: map[*termFigures]bool{}}

func init() { metrics.Registry.MustRegister(theExporter) }

// begin exports the figures of a term until the returned function is called:
// the series of who does not lead would stand still.
func (e *exporter) begin(t *termFigures) (end func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.terms[t] = true
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.terms, t)
	}
}

// Describe implements [prometheus.Collector].
func (e *exporter) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range exported {
		descs <- m.desc
	}
	descs <- leadsDesc
	descs <- conditionDesc
	descs <- findingsDesc
}

// Collect implements [prometheus.Collector].
func (e *exporter) Collect(out chan<- prometheus.Metric) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var leading float64
	for t := range e.terms {
		leading = 1
		t.collect(out)
	}
	out <- prometheus.MustNewConstMetric(leadsDesc, prometheus.GaugeValue, leading)
}

// termFigures has the figures of the KafkaBackups of one term of leadership.
type termFigures struct {
	mu sync.Mutex
	of map[types.NamespacedName]*figures
}

func (t *termFigures) collect(out chan<- prometheus.Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, f := range t.of {
		for _, m := range exported {
			if v, ok := m.value(*f); ok {
				out <- prometheus.MustNewConstMetric(m.desc, m.kind, v, key.Namespace, key.Name)
			}
		}
		for _, c := range f.conditions {
			out <- prometheus.MustNewConstMetric(conditionDesc, prometheus.GaugeValue, 1, key.Namespace, key.Name, c.Type, string(c.Status), c.Reason)
		}
		for finding, n := range f.findings {
			out <- prometheus.MustNewConstMetric(findingsDesc, prometheus.GaugeValue, float64(n), key.Namespace, key.Name, finding)
		}
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

// observe takes the figures that the status, the snapshots and the job tell.
// They are those of a new leader too.
func (t *termFigures) observe(kb *v1alpha1.KafkaBackup, seen view, j job, now time.Time) {
	s := kb.Status
	newest, oldest, unprotected := recoveryPoint(seen.own, seen.taken)
	lastSuccess := timeOf(s.LastSuccessfulTime)
	since := lastSuccess
	if since.IsZero() {
		since = kb.CreationTimestamp.Time
	}
	t.update(types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}, func(f *figures) {
		f.missed, f.volumes, f.orphaned, f.snapshots = float64(s.MissedRuns), float64(s.Volumes), float64(s.OrphanedVolumes), float64(s.Snapshots)
		f.lastSuccess, f.newest, f.recoveryPoint, f.unprotected = lastSuccess, newest, oldest, float64(unprotected)
		f.next, f.sinceSuccess, f.sinceRecoveryPoint = timeOf(s.NextScheduleTime), j.dueSince(since, now), j.dueSince(oldest, now)
		if f.ran = s.LastRun != nil && s.LastRun.Skew != ""; f.ran {
			f.skew, _ = time.ParseDuration(s.LastRun.Skew) // it was written here
		}
	})
}

// observeConditions takes over the conditions of a KafkaBackup.
func (t *termFigures) observeConditions(kb *v1alpha1.KafkaBackup) {
	all := slices.Clone(kb.Status.Conditions)
	t.update(types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}, func(f *figures) { f.conditions = all })
}

// observeFindings counts what was found wrong with the claims of a KafkaBackup.
func (t *termFigures) observeFindings(kb *v1alpha1.KafkaBackup, found []finding) {
	counts := map[string]int{findingNotHonoured: 0, findingStuck: 0, findingNotRestored: 0, findingDuplicate: 0}
	for _, f := range found {
		counts[f.reason]++
	}
	t.update(types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}, func(f *figures) { f.findings = counts })
}

// maxDueSince bounds the counting of times: more tell nothing new.
const maxDueSince = 100

// dueSince counts the times after t at which a run was due, whatever came of it
// and also if an edit has put them in force since. While suspended there are none.
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

// recoveryPoint looks for the newest good snapshot of each of the volumes: ready,
// not on its way out, of a lineage that holds the volume's data. It returns when
// the newest of them was scheduled, when the oldest, and how many have none.
func recoveryPoint(own []snapshots.Snapshot, volumes map[string]bool) (newest, oldest time.Time, unprotected int) {
	good := map[string]time.Time{}
	for _, s := range snapshots.Candidates(own) {
		_, abandoned := s.Annotations[snapshots.AnnotationAbandoned]
		if s.Ready && s.Lineage.Proven && !abandoned && volumes[s.Volume] && s.Scheduled.After(good[s.Volume]) {
			good[s.Volume] = s.Scheduled
		}
	}
	times := make([]time.Time, 0, len(good))
	for _, at := range good {
		times = append(times, at)
	}
	if len(times) == 0 {
		return newest, oldest, len(volumes)
	}
	return slices.MaxFunc(times, time.Time.Compare), slices.MinFunc(times, time.Time.Compare), len(volumes) - len(good)
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}
