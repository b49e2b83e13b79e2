package scheduler

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/verify"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestMetricsAreDocumented compares the names in the code with docs/metrics.md.
func TestMetricsAreDocumented(t *testing.T) {
	var coded, documented []string
	for _, dir := range []string{".", "../webhook", "../cmd/snapback"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				coded = append(coded, found(t, file, `"(snapback_[a-z_]+)"`)...)
			}
		}
	}
	documented = found(t, "../docs/metrics.md", "(?m)^\\| `(snapback_[a-z_]+)` \\|")
	slices.Sort(coded)
	slices.Sort(documented)
	if !slices.Equal(coded, documented) {
		t.Errorf("docs/metrics.md has\n%q, the code has\n%q", documented, coded)
	}
	const others, ofWebhook, ofBoth = 12, 3, 1
	if len(coded) != len(exported)+others+ofWebhook+ofBoth {
		t.Errorf("%d metrics are named, %d and %d are exported by the scheduler, %d by the webhook and %d by both", len(coded), len(exported), others, ofWebhook, ofBoth)
	}
}

func found(t *testing.T, file, pattern string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(content, -1) {
		all = append(all, string(match[1]))
	}
	return all
}

// gathered returns the values of the series, by metric and KafkaBackup.
func gathered(t *testing.T, e *exporter) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(e)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var key string
			for _, label := range m.GetLabel() { // in the order of their names
				if label.GetName() != "namespace" {
					key += " " + label.GetValue()
				}
			}
			values[family.GetName()+key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}

func TestFigures(t *testing.T) {
	e := &exporter{terms: map[*termFigures]bool{}}
	old, next := &termFigures{}, &termFigures{}
	at := time.Unix(1_700_000_000, 0)
	clock := clockwork.NewFakeClockAt(at)
	var known []*v1alpha1.KafkaBackup
	list := func(context.Context) ([]*v1alpha1.KafkaBackup, error) { return known, nil }
	old.begin(clock, list)
	end := e.begin(old)
	a, b := types.NamespacedName{Namespace: snapshotstest.Namespace, Name: "a"}, types.NamespacedName{Namespace: snapshotstest.Namespace, Name: "b"}
	old.update(a, func(f *figures) { f.runs, f.observed = 3, true })
	old.update(b, func(f *figures) { f.runs, f.observed = 4, true })
	if got := gathered(t, e); got["snapback_runs_total a"] != 3 || got["snapback_runs_total b"] != 4 {
		t.Errorf("runs of both expected: %v", got)
	}
	if _, ok := gathered(t, e)["snapback_last_success_timestamp_seconds a"]; ok {
		t.Error("a success that never was has a time")
	}
	old.remove(b)
	if _, ok := gathered(t, e)["snapback_runs_total b"]; ok {
		t.Error("a deleted KafkaBackup still has series")
	}
	end()
	if got := gathered(t, e); len(got) != 1 || got["snapback_scheduler_leads"] != 0 {
		t.Errorf("series after the end of the term: %v", got)
	}

	clock.Advance(2 * time.Hour)
	next.begin(clock, list)
	e.begin(next)
	kb := snapshotstest.NewBackup("a", "kafka", "class").Obj()
	kb.Status = v1alpha1.KafkaBackupStatus{
		MissedRuns: 2, Volumes: 3, OrphanedVolumes: 1, Snapshots: 5, LastSuccessfulTime: &metav1.Time{Time: at},
		NextScheduleTime: &metav1.Time{Time: at.Add(3 * time.Hour)}, LastRun: &v1alpha1.RunStatus{Skew: "1.5s"},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRunFailed}},
	}
	next.observe(kb, view{}, hourly(t, at.Add(-24*time.Hour)), clock.Now())
	next.observeGood(kb, map[string]bool{"1": true, "2": true, "3": true}, map[string]snapshots.Snapshot{"1": {Scheduled: at.Add(time.Hour)}, "2": {Scheduled: at.Add(-time.Hour)}})
	next.observeConditions(kb)
	next.observeRestores(a, verify.Result{Findings: verify.Count([]verify.Finding{{Reason: v1alpha1.ReasonRestoreStuck}, {Reason: v1alpha1.ReasonRestoreStuck}, {Reason: string(v1alpha1.ReasonDuplicateVolume)}})})
	got := gathered(t, e)
	for name, want := range map[string]float64{
		"missed_runs_total": 2, "volumes": 3, "orphaned_volumes": 1, "snapshots": 5, "unprotected_volumes": 1, "run_skew_seconds": 1.5,
		"last_success_timestamp_seconds": 1_700_000_000, "newest_snapshot_timestamp_seconds": 1_700_003_600, "recovery_point_timestamp_seconds": 1_699_996_400,
		"next_run_timestamp_seconds": 1_700_010_800, "runs_since_success": 2, "runs_since_recovery_point": 3, "last_look_timestamp_seconds": 1_700_007_200,
	} {
		if v := got["snapback_"+name+" a"]; v != want {
			t.Errorf("snapback_%s is %f, want %f", name, v, want)
		}
	}
	kb.Status.LastRun = &v1alpha1.RunStatus{} // a new run, without cuts
	next.observe(kb, view{}, hourly(t, at.Add(-24*time.Hour)), clock.Now())
	if v := gathered(t, e)["snapback_run_skew_seconds a"]; v != 1.5 {
		t.Errorf("the skew of the run before is expected, got %f", v)
	}
	for series, want := range map[string]float64{
		"snapback_scheduler_leads":                                                   1,
		"snapback_kafkabackup_condition Ready a RunFailed False":                     1,
		"snapback_restore_findings " + v1alpha1.ReasonRestoreStuck + " a":            2,
		"snapback_restore_findings " + string(v1alpha1.ReasonDuplicateVolume) + " a": 1,
		"snapback_restore_findings " + v1alpha1.ReasonNotRestored + " a":             0,
	} {
		if v, ok := got[series]; !ok || v != want {
			t.Errorf("%s is %f (there: %t), want %f", series, v, ok, want)
		}
	}
}

// TestFiguresOfAStuckWorker has reconciliations that do not end. Lateness must
// still be counted, also after a failover, by the status.
func TestFiguresOfAStuckWorker(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	clock := clockwork.NewFakeClockAt(at)
	kb := snapshotstest.NewBackup("a", "kafka", "class").Schedule("@every 1h").Obj()
	kb.CreationTimestamp = metav1.Time{Time: at.Add(-24 * time.Hour)}
	kb.Status = v1alpha1.KafkaBackupStatus{LastSuccessfulTime: &metav1.Time{Time: at}, MissedRuns: 4, Volumes: 2, RestoreSize: ptr.To(resource.MustParse("3Ki")),
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRunFailed}}}
	var unreadable error
	known := func(context.Context) ([]*v1alpha1.KafkaBackup, error) { return []*v1alpha1.KafkaBackup{kb}, unreadable }
	lead := func() (*exporter, *termFigures) {
		e, term := &exporter{terms: map[*termFigures]bool{}}, &termFigures{}
		term.begin(clock, known)
		e.begin(term)
		return e, term
	}
	expect := func(e *exporter, what string, want map[string]float64) {
		t.Helper()
		got := gathered(t, e)
		for series, v := range want {
			if have, ok := got[series]; !ok || have != v {
				t.Errorf("%s: %s is %f (there: %t), want %f", what, series, have, ok, v)
			}
		}
	}

	e, term := lead()
	term.observe(kb, view{}, hourly(t, at.Add(-24*time.Hour)), clock.Now())
	term.looked(client.ObjectKeyFromObject(kb), clock.Now())
	term.looked(types.NamespacedName{Name: "gone"}, clock.Now())
	expect(e, "looked at", map[string]float64{"snapback_kept_snapshots a held": 0, "snapback_runs_since_success a": 0, "snapback_last_look_timestamp_seconds a": 1_700_000_000, "snapback_snapshots a": 0,
		"snapback_snapshots_restore_bytes a": 3072})
	clock.Advance(3 * time.Hour)
	expect(e, "stuck", map[string]float64{"snapback_runs_since_success a": 3, "snapback_last_look_timestamp_seconds a": 1_700_000_000, "snapback_kafkabackups": 1})

	e, _ = lead()
	clock.Advance(time.Hour)
	expect(e, "after a failover", map[string]float64{"snapback_runs_since_success a": 4, "snapback_last_look_timestamp_seconds a": 1_700_010_800,
		"snapback_missed_runs_total a": 4, "snapback_volumes a": 2, "snapback_kafkabackup_condition Ready a RunFailed False": 1, "snapback_kafkabackups": 1})
	if _, there := gathered(t, e)["snapback_snapshots a"]; there {
		t.Error("what nobody has looked for has a figure")
	}
	unreadable = errors.New("no such right")
	if _, there := gathered(t, e)["snapback_kafkabackups"]; there {
		t.Error("KafkaBackups are counted that cannot be listed")
	}
}

func nobodyKnown(context.Context) ([]*v1alpha1.KafkaBackup, error) { return nil, nil }

func hourly(t *testing.T, anchor time.Time) job {
	t.Helper()
	times, err := schedule.Parse("@every 1h", "", anchor)
	if err != nil {
		t.Fatal(err)
	}
	return job{known: true, jobSpec: jobSpec{schedule: times.Since(anchor.Add(24 * time.Hour))}} // an edit hides no lateness
}

func TestDueSince(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	suspended := hourly(t, at)
	suspended.suspended = true
	for name, c := range map[string]struct {
		job        job
		since, now time.Time
		want       float64
	}{
		"the time itself does not count": {hourly(t, at), at.Add(time.Hour), at.Add(2*time.Hour - time.Second), 0},
		"a run is due":                   {hourly(t, at), at.Add(time.Hour), at.Add(2 * time.Hour), 1},
		"two were":                       {hourly(t, at), at.Add(time.Hour), at.Add(3 * time.Hour), 2},
		"many":                           {hourly(t, at), at, at.Add(9000 * time.Hour), 100},
		"suspended":                      {suspended, at, at.Add(3 * time.Hour), 0},
		"nothing to count from":          {hourly(t, at), time.Time{}, at, 0},
		"no valid spec":                  {job{}, at, at.Add(time.Hour), 0},
	} {
		if got := c.job.dueSince(c.since, c.now); got != c.want {
			t.Errorf("%s: %f, want %f", name, got, c.want)
		}
	}
}
