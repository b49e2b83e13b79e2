package scheduler

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/observe"
	"github.com/snapback-dev/snapback/scheduler/proof"
	"github.com/snapback-dev/snapback/snapshots"
)

// figures are the exported values of one KafkaBackup. Counters begin with each
// term of leadership, except that of the missed runs, which the status keeps.
type figures struct {
	runs, failures, pruned, restored, left float64

	missed, volumes, unprotected, orphaned, snapshots, restoreBytes float64

	lastSuccess, newest, recoveryPoint, next time.Time // zero: none
	skew                                     time.Duration
	ran                                      bool // there is a run with cuts, and so a skew

	observed bool      // a reconciliation of this term has stored them
	looked   time.Time // when a reconciliation last ended without an error; zero: none has
	created  time.Time // creation of the KafkaBackup
	due      job       // its schedule is what lateness is counted by, at each scrape

	newestReady map[string]time.Time                    // see [newestReady]
	beyond      map[snapshots.Kept][]snapshots.Snapshot // snapshots kept beyond the retention

	sinceSuccess, sinceRecoveryPoint, leftBehind float64 // see [figures.at]

	kafka    kafkaFigures
	followed followed
	drills   map[string]proof.Measure // by volume

	conditions []metav1.Condition
	findings   map[string]int // number of claims, by what is wrong with their data
}

// metric is one exported metric.
type metric struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	value  func(figures) (float64, bool) // false: there is no value
	stored bool                          // the status has it, before the first reconciliation
}

func exportedAs(kind prometheus.ValueType, name, help string, value func(figures) (float64, bool)) metric {
	return metric{prometheus.NewDesc(name, help, []string{"namespace", "kafkabackup"}, nil), kind, value, false}
}

// inStatus marks a metric whose value is also in the status.
func inStatus(m metric) metric {
	m.stored = true
	return m
}

func number(of func(figures) float64) func(figures) (float64, bool) {
	return func(f figures) (float64, bool) { return of(f), true }
}

func timestamp(of func(figures) time.Time) func(figures) (float64, bool) {
	return func(f figures) (float64, bool) { return float64(of(f).Unix()), !of(f).IsZero() }
}

// ofKafka is a metric of the running Kafka cluster. There is none before it was
// observed.
func ofKafka(name, help string, of func(*v1alpha1.KafkaStatus) float64) metric {
	return inStatus(exportedAs(prometheus.GaugeValue, name, help, func(f figures) (float64, bool) {
		if f.kafka.seen == nil {
			return 0, false
		}
		return of(f.kafka.seen), true
	}))
}

// exported are all metrics of one KafkaBackup, as docs/metrics.md lists them.
var exported = []metric{
	exportedAs(prometheus.CounterValue, "snapback_runs_total", "Runs that have ended: the apiserver has answered all creates.", number(func(f figures) float64 { return f.runs })),
	exportedAs(prometheus.CounterValue, "snapback_snapshot_failures_total", "Snapshots that runs could not create.", number(func(f figures) float64 { return f.failures })),
	inStatus(exportedAs(prometheus.CounterValue, "snapback_missed_runs_total", "Times at which no run was started within the deadline.", number(func(f figures) float64 { return f.missed }))),
	exportedAs(prometheus.CounterValue, "snapback_pruned_snapshots_total", "Snapshots deleted because they had outlived their retention.", number(func(f figures) float64 { return f.pruned })),
	exportedAs(prometheus.CounterValue, "snapback_contents_left_total", "Retained VolumeSnapshotContents that were left behind when their snapshots were deleted.", number(func(f figures) float64 { return f.left })),
	exportedAs(prometheus.CounterValue, "snapback_restores_total", "Claims found bound to a volume that was filled from a snapshot.", number(func(f figures) float64 { return f.restored })),
	inStatus(exportedAs(prometheus.GaugeValue, "snapback_last_success_timestamp_seconds", "Scheduled time of the last run whose snapshots all became ready, or since which each volume has a ready snapshot.", timestamp(func(f figures) time.Time { return f.lastSuccess }))),
	exportedAs(prometheus.GaugeValue, "snapback_newest_snapshot_timestamp_seconds", "Scheduled time of the newest ready snapshot.", timestamp(func(f figures) time.Time { return f.newest })),
	exportedAs(prometheus.GaugeValue, "snapback_recovery_point_timestamp_seconds", "Scheduled time of the oldest of the volumes' newest good snapshots: newer data would be lost.", timestamp(func(f figures) time.Time { return f.recoveryPoint })),
	inStatus(exportedAs(prometheus.GaugeValue, "snapback_next_run_timestamp_seconds", "Time at which the next run is due.", timestamp(func(f figures) time.Time { return f.next }))),
	inStatus(exportedAs(prometheus.GaugeValue, "snapback_runs_since_success", "Times at which a run was due since the last success, at most 100.", number(func(f figures) float64 { return f.sinceSuccess }))),
	exportedAs(prometheus.GaugeValue, "snapback_runs_since_recovery_point", "Times at which a run was due since the recovery point, at most 100.", func(f figures) (float64, bool) { return f.sinceRecoveryPoint, !f.recoveryPoint.IsZero() }),
	exportedAs(prometheus.GaugeValue, "snapback_run_skew_seconds", "Time between the first and the last cut of the last run that has cuts.", func(f figures) (float64, bool) { return f.skew.Seconds(), f.ran }),
	inStatus(exportedAs(prometheus.GaugeValue, "snapback_volumes", "Volumes that a run includes.", number(func(f figures) float64 { return f.volumes }))),
	exportedAs(prometheus.GaugeValue, "snapback_left_behind_volumes", "Volumes of live, bound claims with three due runs or more since their newest ready snapshot.", number(func(f figures) float64 { return f.leftBehind })),
	exportedAs(prometheus.GaugeValue, "snapback_unprotected_volumes", "Volumes without a good snapshot.", number(func(f figures) float64 { return f.unprotected })),
	inStatus(exportedAs(prometheus.GaugeValue, "snapback_orphaned_volumes", "Volumes that have snapshots but no claim any more.", number(func(f figures) float64 { return f.orphaned }))),
	exportedAs(prometheus.GaugeValue, "snapback_snapshots", "VolumeSnapshots of the KafkaBackup.", number(func(f figures) float64 { return f.snapshots })),
	exportedAs(prometheus.GaugeValue, "snapback_snapshots_restore_bytes", "Sum of the known sizes of the volumes that these VolumeSnapshots would fill.", number(func(f figures) float64 { return f.restoreBytes })),
	inStatus(exportedAs(prometheus.GaugeValue, "snapback_restored_brokers_not_in_sync", "Restored volumes whose broker is not in sync yet.", func(f figures) (float64, bool) { return f.followed.away, f.followed.known })),
	inStatus(exportedAs(prometheus.GaugeValue, "snapback_restored_broker_in_sync_seconds", "Time from the claim of the last restored volume until its broker was in sync.", func(f figures) (float64, bool) { return f.followed.took, f.followed.synced })),
	inStatus(exportedAs(prometheus.GaugeValue, "snapback_restore_records_gone", "Records that are gone after the restores in the status, of those that had been observed.", func(f figures) (float64, bool) { return f.followed.gone, f.followed.counted })),
	inStatus(exportedAs(prometheus.GaugeValue, "snapback_last_look_timestamp_seconds", "Time at which the KafkaBackup was last reconciled without an error; before the first time, the start of the leader's term.", timestamp(func(f figures) time.Time { return f.looked }))),
	ofKafka("snapback_kafka_observed_timestamp_seconds", "Time at which the Kafka cluster was last observed.", func(s *v1alpha1.KafkaStatus) float64 { return float64(s.ObservedTime.Unix()) }),
	ofKafka("snapback_kafka_records_at_risk", "Records that would be lost with the broker that would lose the most.", func(s *v1alpha1.KafkaStatus) float64 { return float64(observe.MaxAtRisk(s)) }),
	ofKafka("snapback_kafka_records_at_risk_if_all_lost", "Records that would be lost if all brokers were lost at once.", func(s *v1alpha1.KafkaStatus) float64 { return float64(s.IfAllLost.Records) }),
	inStatus(exportedAs(prometheus.GaugeValue, "snapback_kafka_records_at_risk_limit", "spec.kafka.maxRecordsAtRisk.", func(f figures) (float64, bool) {
		if f.kafka.limit == nil {
			return 0, false
		}
		return float64(*f.kafka.limit), true
	})),
	ofKafka("snapback_kafka_offline_partitions", "Partitions without a leader.", func(s *v1alpha1.KafkaStatus) float64 { return float64(s.OfflinePartitions) }),
	ofKafka("snapback_kafka_under_replicated_partitions", "Partitions of which not every replica is in sync.", func(s *v1alpha1.KafkaStatus) float64 { return float64(s.UnderReplicatedPartitions) }),
}

// The other exported metrics. Their labels differ.
var (
	leadsDesc     = prometheus.NewDesc("snapback_scheduler_leads", "Whether the scheduler in this container is the leader.", nil, nil)
	knownDesc     = prometheus.NewDesc("snapback_kafkabackups", "KafkaBackups that the leading scheduler knows.", nil, nil)
	conditionDesc = prometheus.NewDesc("snapback_kafkabackup_condition", "Conditions of the KafkaBackup; the value is always 1.",
		[]string{"namespace", "kafkabackup", "condition", "status", "reason"}, nil)
	keptDesc = prometheus.NewDesc("snapback_kept_snapshots", "Ready snapshots that are kept although they have outlived the retention, by reason.",
		[]string{"namespace", "kafkabackup", "reason"}, nil)
	keptBytesDesc = prometheus.NewDesc("snapback_kept_bytes", "Sum of the known sizes of the snapshots that are kept although they have outlived the retention, by reason.",
		[]string{"namespace", "kafkabackup", "reason"}, nil)
	findingsDesc = prometheus.NewDesc("snapback_restore_findings", "Claims whose data is not what it should be, by what is wrong.",
		[]string{"namespace", "kafkabackup", "finding"}, nil)
	provenDesc = prometheus.NewDesc("snapback_kafkabackup_drill_last_success_timestamp_seconds", "Time at which a drill of the volume last found a snapshot sound.",
		[]string{"namespace", "kafkabackup", "volume"}, nil)
	runsWaitingDesc = prometheus.NewDesc("snapback_runs_waiting", "Runs that wait until the storage has room for their snapshots.",
		[]string{"class"}, nil)
	inFlightDesc = prometheus.NewDesc("snapback_snapshots_in_flight", "Snapshots that were created and are not cut yet, for ten minutes at most.",
		[]string{"class"}, nil)
	inFlightLimitDesc = prometheus.NewDesc("snapback_snapshots_in_flight_limit", "Snapshots that may be in flight now: less than the class allows while its storage throttles.",
		[]string{"class"}, nil)
	drillRestoreDesc = prometheus.NewDesc("snapback_kafkabackup_drill_restore_seconds", "Time from the claim of the volume's last drill that came to a verdict until the restored volume could be read.",
		[]string{"namespace", "kafkabackup", "volume"}, nil)
	drillDurationDesc = prometheus.NewDesc("snapback_kafkabackup_drill_duration_seconds", "Time that the volume's last drill that came to a verdict took.",
		[]string{"namespace", "kafkabackup", "volume"}, nil)
)

// exporter exports the figures of the current terms of leadership.
type exporter struct {
	mu    sync.Mutex
	terms map[*termFigures]bool
}

var _ prometheus.Collector = &exporter{}

var theExporter = &exporter{terms: map[*termFigures]bool{}}

func init() { metrics.Registry.MustRegister(theExporter) }

// begin exports the figures of a term until the returned function is called. A
// scheduler that no longer leads must export none: they would not change any
// more.
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
	descs <- knownDesc
	descs <- conditionDesc
	descs <- keptDesc
	descs <- keptBytesDesc
	descs <- findingsDesc
	descs <- runsWaitingDesc
	descs <- inFlightDesc
	descs <- inFlightLimitDesc
	descs <- provenDesc
	descs <- drillRestoreDesc
	descs <- drillDurationDesc
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
