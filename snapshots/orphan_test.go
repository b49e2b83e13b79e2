package snapshots_test

import (
	"strings"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const day = 24 * hour

// TestOrphaned checks a broker that comes back after its cluster's backups have
// gone on without it.
func TestOrphaned(t *testing.T) {
	t.Parallel()
	last := func(age time.Duration) *snapshotstest.Snapshot { return snapshotOf(ago(age)).Ready() }
	other := func(ages ...time.Duration) (all []*snapshotstest.Snapshot) {
		for _, age := range ages {
			all = append(all, diskSnapshot(disk(1, "/kafka-logs"), ago(age)).Ready())
		}
		return all
	}
	runs := other(hour, 2*hour, 3*hour)
	adopted := last(200*day).Annotate(v1alpha1.AnnotationAdopt, "true")
	tests := map[string]struct {
		claim   *snapshotstest.Claim
		memory  snapshots.Memory
		own     *snapshotstest.Snapshot
		cluster []*snapshotstest.Snapshot
		outcome v1alpha1.Outcome
		reason  v1alpha1.Reason
	}{
		"200 days ago":                                {own: last(200 * day), cluster: runs, outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonOrphaned},
		"200 days ago, to start empty":                {claim: unlessUsable("empty"), own: last(200 * day), cluster: runs, outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonOrphaned},
		"200 days ago, of another size":               {claim: optedIn().Request("1Mi"), own: last(200 * day), cluster: runs, outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonOrphaned},
		"200 days ago, a longer age is allowed":       {claim: optedIn().Annotate(v1alpha1.AnnotationRestoreOrphanAge, "9000h"), own: last(200 * day), cluster: runs, outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored},
		"two days ago, one is allowed":                {claim: optedIn().Annotate(v1alpha1.AnnotationRestoreOrphanAge, "24h"), own: last(2 * day), cluster: runs, outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonOrphaned},
		"200 days ago, asked for":                     {own: last(200*day).Annotate(v1alpha1.AnnotationRestoreNext, "true"), cluster: runs, outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored},
		"200 days ago, adopted":                       {own: adopted, cluster: runs, outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored},
		"six days ago":                                {own: last(6 * day), cluster: runs, outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored},
		"200 days ago, as the whole cluster":          {own: last(200 * day), cluster: other(200 * day), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored},
		"200 days ago, alone":                         {own: last(200 * day), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored},
		"its operator remembers it":                   {memory: snapshots.MemoryLost, own: last(200 * day), cluster: runs, outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored},
		"it is new to its operator":                   {memory: snapshots.MemoryNew, own: last(200 * day), cluster: runs, outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonScaledUp},
		"new, since yesterday":                        {memory: snapshots.MemoryNew, own: last(day), cluster: runs, outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonScaledUp},
		"new, of another size and driver":             {claim: optedIn().Request("1Mi"), memory: snapshots.MemoryNew, own: last(200 * day), cluster: runs, outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonScaledUp},
		"new, and asked for":                          {memory: snapshots.MemoryNew, own: last(200*day).Annotate(v1alpha1.AnnotationRestoreNext, "true"), cluster: runs, outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored},
		"said to be new, and in the last runs":        {memory: snapshots.MemoryNew, own: last(2 * hour), cluster: runs, outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored},
		"said to be new, as the whole cluster is":     {memory: snapshots.MemoryNew, own: last(200 * day), cluster: other(200 * day), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored},
		"not opted in":                                {claim: brokerClaim(), own: last(200 * day), cluster: runs, outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonNotOptedIn},
		"a controller is for its quorum to decide on": {claim: optedIn().Label("pvcRoles", "controller"), memory: snapshots.MemoryNew, own: last(200 * day), cluster: runs, outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonQuorumUndecided},
		"an age that is none":                         {claim: optedIn().Annotate(v1alpha1.AnnotationRestoreOrphanAge, "a week"), own: last(hour), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation},
	}
	for name, test := range tests {
		if test.claim == nil {
			test.claim = optedIn()
		}
		claim := asked(t, test.claim, driver)
		claim.Volume.Memory, claim.Volume.ClusterUID = test.memory, "kafka-1"
		all := readAll(t, test.own.Annotate(v1alpha1.AnnotationClusterUID, "kafka-1"))
		cluster := map[string][]snapshots.Snapshot{claim.Volume.Hash(): all, "another": readAll(t, test.cluster...)}
		around := snapshots.LookAround(claim.Volume, all, nil, cluster, now)
		from := sources{PVC: test.claim.Obj().Annotations}
		if test.reason == v1alpha1.ReasonNotOptedIn {
			all[0].Annotations = map[string]string{}
		}
		got := from.decide(claim, around, all, now)
		if got.Outcome != test.outcome || got.Reason != test.reason {
			t.Errorf("%s: %s %s %q, want %s %s", name, got.Outcome, got.Reason, got.Message, test.outcome, test.reason)
		}
		if asks := test.reason == v1alpha1.ReasonOrphaned || test.reason == v1alpha1.ReasonScaledUp; asks && !strings.Contains(got.Message, all[0].Name) {
			t.Errorf("%s: the message does not name the snapshot: %s", name, got.Message)
		}
		if good := got.Annotations[v1alpha1.AnnotationPromote] == "true"; good != (test.reason == v1alpha1.ReasonScaledUp) {
			t.Errorf("%s: the claim is annotated %v", name, got.Annotations)
		}
	}
}

// TestNewIsNotProven checks operators that do not remember a volume, but for other
// reasons than a removal.
func TestNewIsNotProven(t *testing.T) {
	t.Parallel()
	runs := readAll(t, diskSnapshot(disk(1, "/a"), ago(hour)).Ready(), diskSnapshot(disk(1, "/a"), ago(2*hour)).Ready())
	for name, test := range map[string]struct {
		claim  *snapshotstest.Claim
		uid    string // of the operator's resource, as the snapshot says
		policy string // restore-quorum
		want   v1alpha1.Reason
	}{
		"it was removed":                  {claim: optedIn(), uid: "ours", want: v1alpha1.ReasonScaledUp},
		"the resource was made anew":      {claim: optedIn(), uid: "before", want: v1alpha1.ReasonOtherCluster},
		"nobody knows of which it was":    {claim: optedIn(), want: v1alpha1.ReasonRestored},
		"a controller without a majority": {claim: optedIn().Label("pvcRoles", "controller"), uid: "ours", policy: "true", want: v1alpha1.ReasonRestored},
	} {
		claim := asked(t, test.claim, driver)
		claim.Volume.Memory, claim.Volume.ClusterUID = snapshots.MemoryNew, "ours"
		s := snapshotOf(ago(day)).Ready()
		if test.uid != "" {
			s.Annotate(v1alpha1.AnnotationClusterUID, test.uid)
		}
		own := readAll(t, s)
		around := snapshots.LookAround(claim.Volume, own, nil, map[string][]snapshots.Snapshot{claim.Volume.Hash(): own, "another": runs}, now)
		policy := snapshots.Policy{v1alpha1.AnnotationRestore: latest, v1alpha1.AnnotationRestoreQuorum: test.policy}
		if got := selected(claim, policy, around, own, now); got.Reason != test.want {
			t.Errorf("%s: %s %s, want %s", name, got.Reason, got.Message, test.want)
		}
	}
}

// TestNamesakeBehindUnproven checks a broker that was scaled up months after another
// one of its name was removed, and is lost before its own data is proven.
func TestNamesakeBehindUnproven(t *testing.T) {
	t.Parallel()
	own := readAll(t, snapshotOf(ago(hour)).Ready().Lineage("second", false), snapshotOf(ago(150*day)).Ready())
	runs := readAll(t, diskSnapshot(disk(1, "/a"), ago(hour)).Ready(), diskSnapshot(disk(1, "/a"), ago(2*hour)).Ready())
	claim := asked(t, optedIn(), driver)
	for _, memory := range []snapshots.Memory{snapshots.MemoryUnknown, snapshots.MemoryLost, snapshots.MemoryNew} {
		claim.Volume.Memory = memory
		around := snapshots.LookAround(claim.Volume, own, nil, map[string][]snapshots.Snapshot{claim.Volume.Hash(): own, "another": runs}, now)
		if got := selected(claim, snapshots.Policy{v1alpha1.AnnotationRestore: latest}, around, own, now); got.Reason != v1alpha1.ReasonOrphaned {
			t.Errorf("remembered %q: %s %s %s", memory, got.Outcome, got.Reason, got.SnapshotName())
		}
	}
}

// BenchmarkLookAround measures a cluster with as many controllers as a tenant can
// fake.
func BenchmarkLookAround(b *testing.B) {
	claim := asked(b, controller(0), driver)
	own := readAll(b, snapshotsOf(hour, controller(0))...)
	cluster := map[string][]snapshots.Snapshot{}
	for i := range 4000 {
		s := read(b, diskSnapshot(controller(i+1), ago(8*day)).Ready()).Lean()
		cluster[s.Volume] = []snapshots.Snapshot{s}
	}
	for b.Loop() {
		snapshots.LookAround(claim.Volume, own, nil, cluster, now)
	}
}

// TestOutlivedInAnyOrder checks a cluster with so many snapshots that not all of them
// count, the oldest first, as a list has them.
func TestOutlivedInAnyOrder(t *testing.T) {
	own := readAll(t, diskSnapshot(disk(0, "/kafka-logs"), ago(30*hour)).Ready())
	var runs []snapshots.Snapshot
	for n := range 60 {
		runs = append(runs, readAll(t, diskSnapshot(disk(1, "/kafka-logs"), ago(time.Duration(60-n)*hour)).Ready())...)
	}
	if !snapshots.Outlived(own, map[string][]snapshots.Snapshot{"another": runs}) {
		t.Error("30 runs since, and the cluster has not gone on")
	}
	if snapshots.Outlived(own, map[string][]snapshots.Snapshot{"another": runs[:30]}) {
		t.Error("no run since, and the cluster has gone on")
	}
}

// TestNewest checks the newest snapshot that can be restored, in any order.
func TestNewest(t *testing.T) {
	of := func(age time.Duration) *snapshotstest.Snapshot {
		return diskSnapshot(disk(0, "/kafka-logs"), ago(age)).Ready()
	}
	all := readAll(t, of(3*hour), of(hour).Annotate(v1alpha1.AnnotationPruning, "now"), of(2*hour), of(4*hour))
	if newest := snapshots.Newest(all); newest == nil || newest.Name != snapshots.Candidates(all)[0].Name || !newest.Scheduled.Equal(ago(2*hour)) {
		t.Errorf("got %+v", newest)
	}
	if newest := snapshots.Newest(all[1:2]); newest != nil {
		t.Errorf("got %+v", newest)
	}
}

// BenchmarkLookAroundHistory measures a cluster of 50 volumes with 1,000 snapshots
// each: only the newest of them matter.
func BenchmarkLookAroundHistory(b *testing.B) {
	claim := asked(b, disk(0, "/a"), driver)
	own := readAll(b, diskSnapshot(disk(0, "/a"), ago(hour)).Ready())
	cluster := map[string][]snapshots.Snapshot{}
	for broker := range 50 {
		for n := range 1000 {
			s := read(b, diskSnapshot(disk(broker+1, "/a"), ago(time.Duration(n+1)*hour)).Ready()).Lean()
			cluster[s.Volume] = append(cluster[s.Volume], s)
		}
	}
	for b.Loop() {
		snapshots.LookAround(claim.Volume, own, nil, cluster, now)
	}
}
