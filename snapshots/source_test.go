package snapshots_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// release returns a claim of a chart's release. Its name is always the same.
func release(instance string) *snapshotstest.Claim {
	return snapshotstest.PlainClaim("data-kafka-0").Label("app.kubernetes.io/name", "kafka").Label("app.kubernetes.io/instance", instance)
}

// TestVolumeOfClaim checks snapshots that were taken of a claim of one name, with
// one set of labels or several.
func TestVolumeOfClaim(t *testing.T) {
	t.Parallel()
	selected := snapshotstest.NewBackup("aaa", "selected", "csi-snapshots").Spec(selectAll)
	first := snapshotstest.NewSnapshot(release("first"), hourly(), driver, ago(2*hour)).Ready()
	second := snapshotstest.NewSnapshot(release("second"), hourly(), driver, ago(hour)).Ready()
	bySelector := snapshotstest.NewSnapshot(snapshotstest.PlainClaim("data-kafka-0"), selected, driver, ago(hour)).Ready()
	another := snapshotstest.NewSnapshot(snapshotstest.PlainClaim("data-kafka-1"), selected, driver, ago(hour)).Ready()
	yes := snapshotstest.NewSnapshot(release("first"), hourly(), driver, ago(2*hour)).Ready().Annotate(v1alpha1.AnnotationRestoreNext, "true")
	edited := func(s *snapshotstest.Snapshot, change func(*snapshotv1.VolumeSnapshot)) snapshots.Snapshot {
		vs := s.Obj()
		change(vs)
		read, _ := snapshots.NewSnapshot(vs)
		return read.Lean()
	}
	tests := map[string]struct {
		known   []snapshots.Snapshot
		cluster string // empty: none
		refused v1alpha1.Reason
		says    []string
	}{
		"none":                            {},
		"of other claims only":            {known: readAll(t, another)},
		"one":                             {known: readAll(t, first, another), cluster: "first"},
		"by a selector":                   {known: readAll(t, bySelector), cluster: "selected"},
		"being deleted":                   {known: readAll(t, snapshotstest.NewSnapshot(release("first"), hourly(), driver, ago(hour)).Ready().Terminating(now))},
		"not cut":                         {known: readAll(t, snapshotstest.NewSnapshot(release("first"), hourly(), driver, ago(hour)))},
		"of two volumes":                  {known: readAll(t, first, second), refused: v1alpha1.ReasonAmbiguousVolume, says: []string{"cluster first", "cluster second", first.Obj().Name, second.Obj().Name, v1alpha1.AnnotationRestoreNext}},
		"of two volumes, one asked for":   {known: readAll(t, yes, second), cluster: "first"},
		"its volume's label is gone":      {known: []snapshots.Snapshot{edited(first, func(vs *snapshotv1.VolumeSnapshot) { delete(vs.Labels, v1alpha1.LabelVolume) })}, refused: v1alpha1.ReasonUnreadable, says: []string{first.Obj().Name}},
		"its volume's label is another's": {known: []snapshots.Snapshot{edited(first, func(vs *snapshotv1.VolumeSnapshot) { vs.Labels[v1alpha1.LabelVolume] = "0123" })}, refused: v1alpha1.ReasonUnreadable, says: []string{first.Obj().Name}},
	}
	for name, test := range tests {
		catalog := snapshots.NewCatalog(map[string][]snapshots.Snapshot{snapshotstest.Namespace: test.known})
		taken := catalog.Claim(snapshotstest.Namespace, "data-kafka-0")
		v, refusal, ok := snapshots.VolumeOfClaim(snapshotstest.Namespace, "data-kafka-0", taken, nil)
		if ok != (test.cluster != "") || v.Cluster != test.cluster || refusal.Reason != test.refused {
			t.Errorf("%s: %t %s %s %s", name, ok, v, refusal.Reason, refusal.Message)
		}
		if ok && v.Hash() != taken[0].Volume && v.Hash() != taken[len(taken)-1].Volume {
			t.Errorf("%s: volume %s has the hash of none of %+v", name, v, taken)
		}
		for _, part := range test.says {
			if !strings.Contains(refusal.Message, part) {
				t.Errorf("%s: the message does not say %q: %s", name, part, refusal.Message)
			}
		}
		slices.Reverse(taken)
		if _, again, _ := snapshots.VolumeOfClaim(snapshotstest.Namespace, "data-kafka-0", taken, nil); again.Message != refusal.Message {
			t.Errorf("%s: another order gives another text: %s", name, again.Message)
		}
	}
}

// TestSpoiltTextIsTheSame checks that, of several snapshots that cannot be read, the
// refusal always names the same one.
func TestSpoiltTextIsTheSame(t *testing.T) {
	t.Parallel()
	var taken []snapshots.Snapshot
	for i := range 4 {
		vs := snapshotstest.NewSnapshot(release("first"), hourly(), driver, ago(time.Duration(i+1)*hour)).Ready().Obj()
		vs.Labels[v1alpha1.LabelVolume] = fmt.Sprintf("edited-%d", i)
		s, _ := snapshots.NewSnapshot(vs)
		taken = append(taken, s.Lean())
	}
	texts := map[string]bool{}
	for range 50 {
		_, refusal, _ := snapshots.VolumeOfClaim(snapshotstest.Namespace, "data-kafka-0", taken, nil)
		texts[refusal.Message] = true
	}
	if len(texts) != 1 {
		t.Errorf("%d texts for one cause", len(texts))
	}
}

// TestOverrules checks claims whose labels say more than their name.
func TestOverrules(t *testing.T) {
	t.Parallel()
	labelled := func(cluster, broker string) snapshots.Volume {
		return identify(t, snapshotstest.PlainClaim("disk-a").Label(v1alpha1.LabelCluster, cluster).Label(v1alpha1.LabelBroker, broker))
	}
	strimzi := func(cluster, pool string) snapshots.Volume {
		return identify(t, snapshotstest.StrimziClaim(cluster, pool, 0, 0))
	}
	accept := snapshots.Policy{v1alpha1.AnnotationRestoreOtherCluster: "true"}
	for name, test := range map[string]struct {
		known, named snapshots.Volume
		policy       snapshots.Policy
		want         v1alpha1.Reason // empty: nothing speaks against it
	}{
		"a chart's other release":        {known: identify(t, release("second")), named: identify(t, release("first"))},
		"the same disk by labels":        {known: labelled("b", "1"), named: labelled("a", "1")},
		"another disk by labels":         {known: labelled("a", "2"), named: labelled("a", "1"), want: v1alpha1.ReasonAmbiguousVolume},
		"another Strimzi cluster":        {known: strimzi("my", "cluster-broker"), named: strimzi("my-cluster", "broker"), want: v1alpha1.ReasonOtherCluster},
		"another Strimzi cluster, as is": {known: strimzi("my", "cluster-broker"), named: strimzi("my-cluster", "broker"), policy: accept},
	} {
		d, overruled := snapshots.Overrules(test.known, test.named, test.policy)
		if overruled != (test.want != "") || d.Reason != test.want {
			t.Errorf("%s: %t %s %s", name, overruled, d.Reason, d.Message)
		}
	}
}

// TestCarriedOn checks an opt-in that only the lost claim had: its snapshot carries
// it, and the restored claim gets it.
func TestCarriedOn(t *testing.T) {
	t.Parallel()
	on := func(annotations map[string]string) *snapshotstest.Snapshot {
		s := snapshotOf(ago(hour)).Ready()
		for key, value := range annotations {
			s.Annotate(key, value)
		}
		return s
	}
	both := map[string]string{v1alpha1.AnnotationRestore: latest, v1alpha1.AnnotationRestoreMaxAge: "20h"}
	tests := map[string]struct {
		claim *snapshotstest.Claim
		from  sources
		kept  map[string]string
		want  map[string]string
	}{
		"only the lost claim was opted in": {kept: both, want: both},
		"beside a KafkaBackup":             {from: onBackup("unrelated", "x"), kept: both, want: both},
		"the claim is opted in":            {claim: optedIn(), kept: both, want: map[string]string{v1alpha1.AnnotationRestoreMaxAge: "20h"}},
		"the KafkaBackup is opted in":      {from: onBackup(v1alpha1.AnnotationRestore, latest), kept: map[string]string{v1alpha1.AnnotationRestore: latest}},
		"the namespace is opted in":        {from: onNamespace(v1alpha1.AnnotationRestore, latest), kept: map[string]string{v1alpha1.AnnotationRestore: latest}},
		"what must not let it start empty": {kept: map[string]string{v1alpha1.AnnotationRestore: latest, v1alpha1.AnnotationRestoreUnusable: "empty"}, want: map[string]string{v1alpha1.AnnotationRestore: latest}},
	}
	for name, test := range tests {
		got := decision{claim: test.claim, from: test.from}.ask(t, readAll(t, on(test.kept)), now)
		if got.Outcome != v1alpha1.OutcomeRestore || !maps.Equal(got.Annotations, test.want) {
			t.Errorf("%s: %s %s, carried on is %v, want %v", name, got.Outcome, got.Reason, got.Annotations, test.want)
		}
	}
}

// TestSpoiltLabel checks a snapshot of a claim with a generated name that has lost
// its volume label: its cluster and slot still name the volume.
func TestSpoiltLabel(t *testing.T) {
	t.Parallel()
	vs := snapshotOf(ago(hour)).Ready().Obj()
	delete(vs.Labels, v1alpha1.LabelVolume)
	s, _ := snapshots.NewSnapshot(vs)
	catalog := snapshots.NewCatalog(map[string][]snapshots.Snapshot{snapshotstest.Namespace: {s.Lean()}})
	if got := catalog.Spoilt(identify(t, brokerClaim())); len(got) != 1 || got[0].Unreadable == "" {
		t.Errorf("got %+v", got)
	}
	if got := catalog.Spoilt(identify(t, disk(1, "/kafka-logs"))); len(got) != 0 {
		t.Errorf("of another volume: %+v", got)
	}
}

// TestUnreadable checks a volume whose only snapshot somebody has spoiled: it is not
// a new volume.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	spoilt := func() *snapshotstest.Snapshot {
		return snapshotOf(ago(hour)).Ready().Annotate(v1alpha1.AnnotationCapacity, "much")
	}
	seen := func(s *snapshotstest.Snapshot) snapshots.Snapshot {
		read, err := snapshots.NewSnapshot(s.Obj())
		if err == nil {
			t.Fatal("it can be read")
		}
		return read.Lean()
	}
	only := []snapshots.Snapshot{seen(spoilt())}
	d := decision{claim: optedIn()}.ask(t, only, now)
	if d.Outcome != v1alpha1.OutcomeDeny || d.Reason != v1alpha1.ReasonUnreadable || !strings.Contains(d.Message, v1alpha1.AnnotationCapacity) || !strings.Contains(d.Message, only[0].Name) {
		t.Errorf("only one, and unreadable: %s %s %s", d.Outcome, d.Reason, d.Message)
	}
	if d := (decision{claim: unlessUsable("empty")}).ask(t, only, now); d.Outcome != v1alpha1.OutcomeAllow || d.Reason != v1alpha1.ReasonUnreadable {
		t.Errorf("to start empty: %s %s", d.Outcome, d.Reason)
	}
	if d := (decision{}).ask(t, []snapshots.Snapshot{seen(spoilt().Annotate(v1alpha1.AnnotationRestore, latest))}, now); d.Reason != v1alpha1.ReasonUnreadable {
		t.Errorf("opted in by what can be read of it: %s %s", d.Outcome, d.Reason)
	}
	if d := (decision{}).ask(t, only, now); d.Reason != v1alpha1.ReasonNotOptedIn {
		t.Errorf("not opted in: %s %s", d.Outcome, d.Reason)
	}
	if d := (decision{claim: optedIn()}).ask(t, []snapshots.Snapshot{seen(snapshotOf(ago(hour)).Ready().Annotate(v1alpha1.AnnotationCapacity, "much").Terminating(now))}, now); d.Reason != v1alpha1.ReasonNoSnapshot {
		t.Errorf("on its way out: %s %s", d.Outcome, d.Reason)
	}
	anothers := snapshotOf(ago(hour)).Ready().Obj()
	anothers.Labels[v1alpha1.LabelManagedBy] = "Helm"
	relabelled, err := snapshots.NewSnapshot(anothers)
	if d := (decision{claim: optedIn()}).ask(t, []snapshots.Snapshot{relabelled}, now); err == nil || d.Reason != v1alpha1.ReasonUnreadable || !strings.Contains(d.Message, "Helm") {
		t.Errorf("labelled as somebody else's: %v, %s %s", err, d.Reason, d.Message)
	}
	d = decision{claim: optedIn()}.ask(t, append(readAll(t, older), only...), now)
	if d.SnapshotName() != older.Obj().Name || d.Newer == nil || d.Newer.Name != only[0].Name || d.Newer.Passed != snapshots.PassedUnreadable {
		t.Errorf("beside an older one: %s, passed over is %+v", d.SnapshotName(), d.Newer)
	}
}
