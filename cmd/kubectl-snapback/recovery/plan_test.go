package recovery

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var (
	noon  = time.Date(2026, 2, 21, 12, 0, 0, 0, time.UTC)
	later = noon.Add(2*time.Hour + 5*time.Minute)
	key   = inventory.ClusterKey{Namespace: snapshotstest.Namespace, Name: "kafka"}
)

// world is an inventory that tests change.
type world struct {
	*testing.T
	inventory.Inventory
	backup *snapshotstest.Backup
	pods   []corev1.Pod
	asked  Asked
}

// newWorld has so many StatefulSet brokers with a claim each.
func newWorld(t *testing.T, brokers int) *world {
	w := &world{T: t, backup: snapshotstest.NewBackup("hourly", "kafka", "class").Annotate(v1alpha1.AnnotationRestore, "latest")}
	for id := range brokers {
		w.add(snapshotstest.StatefulSetClaim("kafka", id))
	}
	w.parse()
	return w
}

func (w *world) parse() {
	parsed, err := snapshots.NewBackup(w.backup.Obj())
	if err != nil {
		w.Fatal(err)
	}
	w.Backups = []inventory.Backup{{KafkaBackup: w.backup.Obj(), Parsed: parsed}}
}

func (w *world) add(claim *snapshotstest.Claim) {
	pvc := claim.Obj()
	pvc.UID, pvc.Status.Phase = types.UID("uid-of-"+pvc.Name), corev1.ClaimBound
	v, ok := snapshots.Identify(pvc.Namespace, pvc, nil)
	if !ok {
		w.Fatalf("claim %s is of no broker", pvc.Name)
	}
	w.Volumes = append(w.Volumes, inventory.Volume{Volume: v, Claims: []*corev1.PersistentVolumeClaim{pvc}})
}

// snapshot adds one of a volume, as changed.
func (w *world) snapshot(volume int, at time.Time, change ...func(*snapshotstest.Snapshot)) {
	v := &w.Volumes[volume]
	claim := snapshotstest.StatefulSetClaim("kafka", volume)
	built := snapshotstest.NewSnapshot(claim, w.backup, "driver", at).Ready()
	for _, c := range change {
		c(built)
	}
	s, err := snapshots.NewSnapshot(built.Obj())
	if err != nil {
		w.Fatal(err)
	}
	v.Snapshots = append([]snapshots.Snapshot{s}, v.Snapshots...)
}

// run adds a snapshot of each of the volumes.
func (w *world) run(at time.Time, volumes ...int) {
	for _, n := range volumes {
		w.snapshot(n, at)
	}
}

func (w *world) plan(r Request) (*Plan, error) {
	return NewPlan(&w.Inventory, key, Around{Kafka: w.asked, Pods: w.pods, Volumes: map[string]*corev1.PersistentVolume{}}, r, later)
}

func annotated(key, value string) func(*snapshotstest.Snapshot) {
	return func(s *snapshotstest.Snapshot) { s.Annotate(key, value) }
}

func damaged(s *snapshotstest.Snapshot) { s.Damaged() }

// TestPlanBesideDamaged checks what a plan says of damaged snapshots, which it
// restores only if there is nothing else, or if a person names them.
func TestPlanBesideDamaged(t *testing.T) {
	const bad = "a restore drill found VolumeSnapshot "
	for name, test := range map[string]struct {
		prepare func(*world)
		request Request
		want    string // of a warning; empty: none of damage
		run     string
	}{
		"none":          {func(w *world) { w.run(noon.Add(time.Hour), 0, 1) }, Request{All: true, Before: later}, "", "20260221-130000"},
		"another run":   {func(w *world) { w.run(noon.Add(time.Hour), 0); w.snapshot(1, noon.Add(time.Hour), damaged) }, Request{All: true, Before: later}, "run 20260221-130000 is passed over: a restore drill found its snapshot of data-kafka-1 damaged", "20260221-120000"},
		"that run":      {func(w *world) { w.run(noon.Add(time.Hour), 0); w.snapshot(1, noon.Add(time.Hour), damaged) }, Request{All: true, Run: "20260221-130000"}, bad + "data-kafka-1-20260221-130000", "20260221-130000"},
		"of one broker": {func(w *world) { w.snapshot(0, noon.Add(time.Hour), damaged) }, Request{}, "a restore drill found it damaged", "20260221-120000"},
		"its only one":  {func(w *world) { w.Volumes[0].Snapshots = nil; w.snapshot(0, noon.Add(time.Hour), damaged) }, Request{}, bad + "data-kafka-0-20260221-130000", "20260221-130000"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.run(noon, 0, 1)
			test.prepare(w)
			if !test.request.All {
				test.request.Brokers = []string{"0"}
			}
			p, err := w.plan(test.request)
			if err != nil {
				t.Fatal(err)
			}
			said := strings.Join(p.Warnings, "\n")
			if test.want == "" && strings.Contains(said, "damaged") || !strings.Contains(said, test.want) {
				t.Errorf("warnings %q, want %q", p.Warnings, test.want)
			}
			for _, item := range p.Items {
				if got := snapshots.FormatRun(item.Snapshot.Scheduled); got != test.run {
					t.Errorf("volume %s gets run %s, want %s", item.Volume.Slot, got, test.run)
				}
			}
		})
	}
}

func TestRuns(t *testing.T) {
	hours := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
	all := func(w *world) { w.run(hours(0), 0, 1); w.run(hours(1), 0, 1) }
	for name, test := range map[string]struct {
		prepare func(*world)
		request Request
		want    string // run, or what the error has
	}{
		"the newest before":         {all, Request{Before: hours(1)}, "20260221-130000"},
		"the one before that":       {all, Request{Before: hours(1).Add(-time.Second)}, "20260221-120000"},
		"by name":                   {all, Request{Run: "20260221-120000"}, "20260221-120000"},
		"none so early":             {all, Request{Before: hours(-1)}, "complete runs: 20260221-130000, 20260221-120000"},
		"no such":                   {all, Request{Run: "x"}, `there is no run "x"; complete runs: 20260221-130000, 20260221-120000`},
		"the newest is incomplete":  {func(w *world) { w.run(hours(0), 0, 1); w.run(hours(1), 0) }, Request{Before: later}, "20260221-120000"},
		"incomplete, by name":       {func(w *world) { w.run(hours(0), 0, 1); w.run(hours(1), 0) }, Request{Run: "20260221-130000"}, "no ready snapshot of data-kafka-1; complete runs: 20260221-120000"},
		"a broker came since":       {func(w *world) { all(w); w.add(snapshotstest.StatefulSetClaim("kafka", 2)); w.run(hours(2), 0, 1) }, Request{Before: later}, "no run is complete, the newest, 20260221-140000, lacks data-kafka-2"},
		"a broker was scaled down":  {func(w *world) { w.run(hours(0), 0, 1); w.run(hours(1), 0); w.Volumes[1].Claims = nil }, Request{Before: later}, "20260221-130000"},
		"and was there before that": {func(w *world) { w.run(hours(0), 0, 1); w.run(hours(1), 0); w.Volumes[1].Claims = nil }, Request{Before: hours(0)}, "20260221-120000"},
		"all claims are lost":       {func(w *world) { all(w); w.Volumes[0].Claims, w.Volumes[1].Claims = nil, nil }, Request{Before: later}, "20260221-130000"},
		"one is being pruned": {func(w *world) {
			w.run(hours(0), 0, 1)
			w.run(hours(1), 0)
			w.snapshot(1, hours(1), annotated(v1alpha1.AnnotationPruning, "x"))
		}, Request{Before: later}, "20260221-120000"},
		"one is damaged":          {func(w *world) { w.run(hours(0), 0, 1); w.run(hours(1), 0); w.snapshot(1, hours(1), damaged) }, Request{Before: later}, "20260221-120000"},
		"one is damaged, by name": {func(w *world) { w.run(hours(0), 0, 1); w.run(hours(1), 0); w.snapshot(1, hours(1), damaged) }, Request{Run: "20260221-130000"}, "20260221-130000"},
		"one of each is damaged": {func(w *world) {
			w.run(hours(0), 0)
			w.snapshot(1, hours(0), damaged)
			w.run(hours(1), 1)
			w.snapshot(0, hours(1), damaged)
		}, Request{Before: later}, "20260221-130000"},
		"nothing": {func(*world) {}, Request{Before: later}, "no run is complete"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			test.prepare(w)
			chosen, err := chooseRun(w.Volumes, test.request, nil)
			if err == nil && chosen.name() != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("run %s, error %v, want %s", chosen.name(), err, test.want)
			}
		})
	}
}

// TestBlocks has all that keeps a broker from being restored.
func TestBlocks(t *testing.T) {
	optIn := v1alpha1.AnnotationRestore
	for name, test := range map[string]struct {
		prepare func(*world)
		request Request
		want    string // empty: nothing blocks
	}{
		"nothing":           {func(*world) {}, Request{}, ""},
		"all at once":       {func(*world) {}, Request{All: true, Before: later}, ""},
		"it is lost":        {func(w *world) { w.Volumes[0].Claims = nil }, Request{}, ""},
		"not opted in":      {func(w *world) { w.backup = snapshotstest.NewBackup("hourly", "kafka", "class"); w.noOptIn() }, Request{}, "not opted in, and would start EMPTY: annotate the KafkaBackup of cluster kafka with snapback.dev/restore=latest"},
		"by its claim only": {func(w *world) { w.noOptIn(); w.Volumes[0].Claims[0].Annotations[optIn] = "latest" }, Request{}, "its claim's own annotations allow it, which the new claim may not have"},
		"opted out":         {func(w *world) { w.Volumes[0].Claims[0].Annotations[optIn] = "off" }, Request{}, "snapback.dev/restore is off for it"},
		"no snapshot":       {func(w *world) { w.Volumes[0].Snapshots = nil }, Request{}, "has no snapshot and starts empty"},
		"too small": {func(w *world) { w.snapshot(0, noon.Add(time.Hour), func(s *snapshotstest.Snapshot) { s.Size("2Gi") }) }, Request{},
			"TooSmall: snapback refuses this claim"},
		"too old":        {func(w *world) { w.backup.Annotate(v1alpha1.AnnotationRestoreMaxAge, "1h") }, Request{}, "TooOld"},
		"restore-before": {func(w *world) { w.backup.Annotate(v1alpha1.AnnotationRestoreBefore, "2026-02-21T12:30:00Z") }, Request{}, "snapback.dev/restore-before is in force"},
		"restore-before, for all": {func(w *world) { w.backup.Annotate(v1alpha1.AnnotationRestoreBefore, "2026-02-21T12:30:00Z") }, Request{All: true, Before: later},
			"snapback.dev/restore-before is in force"},
		"pinned by a person": {func(w *world) {
			w.snapshot(0, noon.Add(-time.Hour), annotated(v1alpha1.AnnotationRestoreNext, "true"))
		}, Request{}, "is annotated snapback.dev/restore-next already"},
		"another is pinned, for all": {func(w *world) {
			w.snapshot(0, noon.Add(time.Minute), annotated(v1alpha1.AnnotationRestoreNext, "true"))
		}, Request{All: true, Run: "20260221-120000"},
			"which is annotated snapback.dev/restore-next: take that off"},
		"to start empty": {func(w *world) {
			w.snapshot(0, noon.Add(time.Hour), annotated(v1alpha1.AnnotationStartEmptyUntil, "2099-01-01T00:00:00Z"))
		}, Request{}, "starts EMPTY"},
		"a controller":              {func(w *world) { w.Volumes[0].Role = snapshots.RoleController }, Request{}, "volume data-kafka-0 is of a KRaft controller, which holds votes of the quorum: restored alone, it can have forgotten what it has agreed to: pass --restore-quorum to restore it all the same"},
		"a controller, by the flag": {func(w *world) { w.Volumes[0].Role = snapshots.RoleController }, Request{RestoreQuorum: true}, ""},
		"one that is agreed": {func(w *world) {
			w.Volumes[0].Role = snapshots.RoleController
			w.backup.Annotate(v1alpha1.AnnotationRestoreQuorum, "true")
		}, Request{}, ""},
		"one of a quorum that is there":   {(*world).controllers, Request{}, "pass --restore-quorum to restore it all the same. Or delete its claim and pod: it starts empty, and learns all from its peers, which is safer"},
		"one to start empty, by the flag": {func(w *world) { w.controllers(); w.backup.Annotate(v1alpha1.AnnotationRestoreQuorum, "empty") }, Request{RestoreQuorum: true}, ""},
		"all of a quorum":                 {(*world).controllers, Request{All: true, Before: later}, "the quorum goes back with its brokers to the same run (data-kafka-0, data-kafka-1, data-kafka-2): pass --restore-quorum to do so"},
		"all of a quorum, by the flag":    {(*world).controllers, Request{All: true, Before: later, RestoreQuorum: true}, ""},
		"all of a quorum, as agreed":      {func(w *world) { w.controllers(); w.backup.Annotate(v1alpha1.AnnotationRestoreQuorum, "true") }, Request{All: true, Before: later}, ""},
		"duplicates": {func(w *world) {
			other := w.Volumes[0].Claims[0].DeepCopy()
			other.Name, other.UID = "other", "other"
			w.Volumes[0].Claims = append(w.Volumes[0].Claims, other)
		}, Request{}, "several live claims, data-kafka-0, other"},
		"being restored": {func(w *world) {
			claim := snapshotstest.StatefulSetClaim("kafka", 0).From("some").Obj()
			w.Volumes[0].Claims = []*corev1.PersistentVolumeClaim{claim}
		}, Request{}, "is being restored from VolumeSnapshot some already"},
		"its creator chose its source": {func(w *world) {
			claim := w.Volumes[0].Claims[0]
			claim.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: "by-hand"}
		}, Request{}, "claim data-kafka-0 says itself what it is filled or bound with (DataSourceSet): created again like that, Snapback leaves it alone"},
		"restored before, its marks taken off": {func(w *world) {
			claim := w.Volumes[0].Claims[0]
			claim.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: w.Volumes[0].Snapshots[0].Name}
		}, Request{}, ""},
		"a run is under way": {func(w *world) {
			s := w.Volumes[0].Snapshots[0]
			s.Name, s.Ready, s.Cut, s.SourcePVCUID = "fresh", false, time.Time{}, string(w.Volumes[0].Claims[0].UID)
			w.Volumes[0].Snapshots = append(w.Volumes[0].Snapshots, s)
		}, Request{}, "a run is under way, its VolumeSnapshot fresh is not ready"},
		"another restore": {func(w *world) {
			w.snapshot(0, noon.Add(time.Minute), annotated(v1alpha1.AnnotationRestoring, "broker/9 lost"))
		}, Request{}, "another restore, broker/9, was begun and is not finished: finish it with kubectl snapback restore kafka -n kafka --broker 9; or give it up: kubectl annotate volumesnapshot"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3)
			w.run(noon, 0, 1, 2)
			test.prepare(w)
			w.parse()
			if !test.request.All {
				test.request.Brokers = []string{"0"}
			}
			p, err := w.plan(test.request)
			if err != nil {
				t.Fatal(err)
			}
			if (len(p.Blocks) == 0) != (test.want == "") {
				t.Errorf("blocked by %q, want %q", p.Blocks, test.want)
			}
			for _, text := range p.Blocks {
				if !strings.Contains(text, test.want) {
					t.Errorf("blocked by %s\nwant: %s", text, test.want)
				}
			}
		})
	}
}

func (w *world) controllers() {
	for n := range w.Volumes {
		w.Volumes[n].Role = snapshots.RoleController
	}
}

// noOptIn takes away what the snapshots say of it.
func (w *world) noOptIn() {
	w.backup = snapshotstest.NewBackup("hourly", "kafka", "class")
	for n := range w.Volumes {
		for s := range w.Volumes[n].Snapshots {
			delete(w.Volumes[n].Snapshots[s].Annotations, v1alpha1.AnnotationRestore)
		}
	}
}

// TestResume plans what was interrupted.
func TestResume(t *testing.T) {
	w := newWorld(t, 2)
	w.snapshot(0, noon, annotated(v1alpha1.AnnotationRestoring, "broker/kafka-0 uid-of-data-kafka-0"))
	w.snapshot(0, noon.Add(time.Hour)) // the broker ran on, or was restored: it stays with what was begun
	w.run(noon, 1)
	check := func(what string, begun, done bool, replaces types.UID) {
		t.Helper()
		p, err := w.plan(Request{Brokers: []string{"0"}})
		if err != nil {
			t.Fatal(err)
		}
		item := p.Items[0]
		if item.Begun != begun || item.Done != done || item.Replaces != replaces || !item.Snapshot.Scheduled.Equal(noon) || len(p.Blocks) > 0 {
			t.Errorf("%s: %+v, blocked by %q", what, item, p.Blocks)
		}
	}
	check("pinned", true, false, "uid-of-data-kafka-0")
	old := w.Volumes[0].Claims
	w.Volumes[0].Claims = nil
	check("deleted", true, false, "uid-of-data-kafka-0")
	again := snapshotstest.StatefulSetClaim("kafka", 0).From(w.Volumes[0].Snapshots[1].Name).Obj()
	again.UID = "again"
	w.Volumes[0].Claims = []*corev1.PersistentVolumeClaim{again}
	check("made again", true, true, "uid-of-data-kafka-0")

	other := snapshotstest.StatefulSetClaim("kafka", 0).Obj()
	other.UID = "other"
	w.Volumes[0].Claims = []*corev1.PersistentVolumeClaim{other}
	if p, err := w.plan(Request{Brokers: []string{"0"}}); err != nil || len(p.Blocks) != 1 || !strings.Contains(p.Blocks[0], "made after the restore had begun, and not from VolumeSnapshot") {
		t.Errorf("made again empty: %q, %v", p.Blocks, err)
	}
	w.Volumes[0].Claims = old
	if p, err := w.plan(Request{Brokers: []string{"1"}}); err != nil || len(p.Blocks) != 1 || !strings.HasPrefix(p.Blocks[0], "another restore, broker/kafka-0, was begun and is not finished") {
		t.Errorf("another broker meanwhile: %q, %v", p.Blocks, err)
	}
}

// TestResumeAll plans the way back to a run that was interrupted.
func TestResumeAll(t *testing.T) {
	w := newWorld(t, 2)
	w.snapshot(0, noon, annotated(v1alpha1.AnnotationRestoring, "run/20260221-120000 uid-of-data-kafka-0"))
	w.snapshot(1, noon, annotated(v1alpha1.AnnotationRestoring, "run/20260221-120000 uid-of-data-kafka-1"))
	w.run(noon.Add(time.Hour), 0, 1)
	p, err := w.plan(Request{All: true, Before: later})
	if err != nil || p.Restore != "run/20260221-120000" {
		t.Fatalf("%+v, %v: want the run that was begun with, not the newest", p, err)
	}
	if _, err = w.plan(Request{All: true, Run: "20260221-130000"}); err == nil || !strings.Contains(err.Error(), "a restore of the cluster to run 20260221-120000 was interrupted") ||
		!strings.Contains(err.Error(), "and start what it has stopped: it is annotated "+v1alpha1.AnnotationRestoreReplicas) {
		t.Errorf("another run: %v", err)
	}
	again := snapshotstest.StatefulSetClaim("kafka", 0).From(w.Volumes[0].Snapshots[1].Name).Obj()
	again.UID = "again"
	w.Volumes[0].Claims = []*corev1.PersistentVolumeClaim{again}
	if p, err = w.plan(Request{All: true, Run: "20260221-120000"}); err != nil || len(p.Blocks) != 1 || !strings.HasPrefix(p.Blocks[0], "1 claim was made again while 1 old one is still there: the brokers ran together, and are of one point in time no more") {
		t.Errorf("one of two was made again while the other is there: %q, %v", p.Blocks, err)
	}
}

// TestNewer tells of a newer snapshot that a broker does not get.
func TestNewer(t *testing.T) {
	at := noon.Add(time.Hour)
	for name, test := range map[string]struct {
		change func(*snapshotstest.Snapshot)
		why    string // empty: nothing is passed over
	}{
		"the newest": {func(*snapshotstest.Snapshot) {}, ""},
		"abandoned":  {annotated(v1alpha1.AnnotationAbandoned, "x"), "a restore from an older one has left it aside"},
		"pruned":     {annotated(v1alpha1.AnnotationPruning, "x"), "it is marked for pruning"},
		"unproven":   {func(s *snapshotstest.Snapshot) { s.Lineage("empty", false) }, "the volume had come back empty"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.snapshot(0, noon)
			w.snapshot(0, at, test.change)
			p, err := w.plan(Request{Brokers: []string{"0"}})
			if err != nil || len(p.Blocks) > 0 {
				t.Fatal(err, p.Blocks)
			}
			want := "volume data-kafka-0 does not get its newest ready VolumeSnapshot, " + w.Volumes[0].Snapshots[0].Name + " of 2026-02-21T13:00:00Z: " + test.why
			if said := strings.Join(p.Warnings, "\n"); (test.why == "") != (said == "") || test.why != "" && strings.Count(said, want) != 1 {
				t.Errorf("says %q, want once %q", said, want)
			}
		})
	}
}
