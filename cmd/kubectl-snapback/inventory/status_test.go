package inventory_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const driver = "csi.example.com"

// now is when everything is asked.
var now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

func claim(broker int) *snapshotstest.Claim {
	return snapshotstest.StatefulSetClaim("kafka", broker).Class("ssd")
}

// bound is a claim in a phase.
func bound(c *snapshotstest.Claim, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
	pvc := c.Obj()
	pvc.Status.Phase = phase
	pvc.CreationTimestamp = metav1.Time{Time: ago(48 * time.Hour)}
	return pvc
}

func hourly() *snapshotstest.Backup {
	return snapshotstest.NewBackup("hourly", "kafka", "csi").Annotate(v1alpha1.AnnotationRestore, "latest")
}

// observed is a KafkaBackup that the scheduler has looked at.
func observed(b *snapshotstest.Backup, change func(*v1alpha1.KafkaBackup)) *v1alpha1.KafkaBackup {
	kb := b.Obj()
	kb.CreationTimestamp = metav1.Time{Time: ago(48 * time.Hour)}
	kb.Status.ObservedGeneration = 1
	if change != nil {
		change(kb)
	}
	return kb
}

func snapshot(c *snapshotstest.Claim, age time.Duration) *snapshotstest.Snapshot {
	return snapshotstest.NewSnapshot(c, hourly(), driver, ago(age)).Ready()
}

func load(t *testing.T, objects ...client.Object) *inventory.Inventory {
	t.Helper()
	objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}},
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "ssd"}, Provisioner: driver})
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(objects...).Build()
	i, err := inventory.Load(t.Context(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func condition(kind string, status metav1.ConditionStatus, reason string) func(*v1alpha1.KafkaBackup) {
	return func(kb *v1alpha1.KafkaBackup) {
		kb.Status.Conditions = []metav1.Condition{{Type: kind, Status: status, Reason: reason, Message: "as it says"}}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	well := bound(claim(0), corev1.ClaimBound)
	good := snapshot(claim(0), time.Hour).Obj()
	restoring := bound(claim(0).From("some"), corev1.ClaimPending)
	terminating := bound(claim(0), corev1.ClaimBound)
	terminating.DeletionTimestamp, terminating.Finalizers = &metav1.Time{Time: now}, []string{"kubernetes.io/pvc-protection"}
	twin := func(name string) *corev1.PersistentVolumeClaim {
		return bound(snapshotstest.KoperatorClaim("kafka", 0, "/logs").Named(name).Class("ssd"), corev1.ClaimBound)
	}
	node := func(roles string) *snapshotstest.Claim {
		return snapshotstest.KoperatorClaim("kafka", 0, "/logs").Named("node").Label("pvcRoles", roles).Class("ssd")
	}
	controller, combined := bound(node("controller"), corev1.ClaimBound), bound(node("broker_controller"), corev1.ClaimBound)
	votes := snapshot(node("controller"), time.Hour).Obj()
	undecided := condition("QuorumUndecided", "True", "CombinedNodes")
	tests := map[string]struct {
		objects []client.Object
		want    []string
	}{
		"the only controller": {objects: []client.Object{controller, votes, observed(hourly(), nil)}, want: []string{"QuorumUndecided volume 0:/logs"}},
		"a controller beside what is said": {objects: []client.Object{controller, votes, observed(hourly(), undecided)},
			want: []string{"QuorumUndecided volume 0:/logs", "QuorumUndecided KafkaBackup hourly"}},
		"a controller that is decided": {objects: []client.Object{controller, votes, observed(hourly().Annotate(v1alpha1.AnnotationRestoreQuorum, "true"), nil)}},
		"a combined node":              {objects: []client.Object{combined, votes, observed(hourly(), nil)}, want: []string{"QuorumUndecided volume 0:/logs"}},
		"a combined node that is said": {objects: []client.Object{combined, votes, observed(hourly(), undecided)}, want: []string{"QuorumUndecided KafkaBackup hourly"}},
		"paused today":                 {objects: []client.Object{well, good, observed(hourly(), condition("Paused", "False", "PauseSet"))}},
		"paused for a day":             {objects: []client.Object{well, good, observed(hourly(), condition("Paused", "True", "PausedForADay"))}, want: []string{"Paused KafkaBackup hourly"}},
		"all is well":                  {objects: []client.Object{well, good, observed(hourly(), nil)}},
		"lost":                         {objects: []client.Object{good, observed(hourly(), nil)}, want: []string{"ClaimLost volume data-kafka-0"}},
		"lost, of no use":              {objects: []client.Object{snapshot(claim(0), 3*time.Hour).Obj(), observed(hourly(), nil)}, want: []string{"ClaimLost volume data-kafka-0", "SnapshotOld volume data-kafka-0"}},
		"phase Lost":                   {objects: []client.Object{bound(claim(0), corev1.ClaimLost), good, observed(hourly(), nil)}, want: []string{"ClaimPhaseLost claim data-kafka-0"}},
		"terminating":                  {objects: []client.Object{terminating, good, observed(hourly(), nil)}, want: []string{"ClaimTerminating claim data-kafka-0"}},
		"restoring":                    {objects: []client.Object{restoring, good, observed(hourly(), nil)}, want: []string{"RestorePending claim data-kafka-0"}},
		"duplicates":                   {objects: []client.Object{twin("a"), twin("b"), snapshot(snapshotstest.KoperatorClaim("kafka", 0, "/logs"), time.Hour).Obj(), observed(hourly(), nil)}, want: []string{"DuplicateVolume volume 0:/logs"}},
		"no snapshot":                  {objects: []client.Object{well, observed(hourly(), nil)}, want: []string{"NoGoodSnapshot volume data-kafka-0"}},
		"none is ready":                {objects: []client.Object{well, snapshotstest.NewSnapshot(claim(0), hourly(), driver, ago(time.Hour)).Obj(), observed(hourly(), nil)}, want: []string{"NoGoodSnapshot volume data-kafka-0"}},
		"two intervals":                {objects: []client.Object{well, snapshot(claim(0), 2*time.Hour).Obj(), observed(hourly(), nil)}},
		"older than two":               {objects: []client.Object{well, snapshot(claim(0), 2*time.Hour+time.Second).Obj(), observed(hourly(), nil)}, want: []string{"SnapshotOld volume data-kafka-0"}},
		"opted out":                    {objects: []client.Object{well, snapshot(claim(0), time.Hour).Annotate(v1alpha1.AnnotationRestore, "off").Obj(), observed(snapshotstest.NewBackup("hourly", "kafka", "csi"), nil)}},
		"nobody opted in":              {objects: []client.Object{well, unasked(claim(0), time.Hour), observed(snapshotstest.NewBackup("hourly", "kafka", "csi"), nil)}, want: []string{"NotOptedIn volume data-kafka-0"}},
		"starts empty":                 {objects: []client.Object{well, snapshot(claim(0), time.Hour).Annotate(v1alpha1.AnnotationStartEmptyUntil, "2026-03-02T00:00:00Z").Obj(), observed(hourly(), nil)}, want: []string{"OptedOut volume data-kafka-0"}},
		"would be refused":             {objects: []client.Object{well, snapshot(claim(0), time.Hour).Size("2Gi").Obj(), observed(hourly(), nil)}, want: []string{"TooSmall volume data-kafka-0"}},
		"would be refused, as is said": {objects: []client.Object{well, snapshot(claim(0), time.Hour).Size("2Gi").Obj(), observed(hourly(), condition("TooSmall", "True", "AsksForLess"))}, want: []string{"TooSmall KafkaBackup hourly"}},
		"the only one is unreadable":   {objects: []client.Object{well, snapshot(claim(0), time.Hour).Annotate(v1alpha1.AnnotationCapacity, "much").Obj(), observed(hourly(), nil)}, want: []string{"NoGoodSnapshot volume data-kafka-0", "Unreadable volume data-kafka-0"}},
		"no KafkaBackup":               {objects: []client.Object{well, good}, want: []string{"NoKafkaBackup cluster "}},
		"Ready":                        {objects: []client.Object{well, good, observed(hourly(), condition("Ready", "False", "SnapshotFailed"))}, want: []string{"SnapshotFailed KafkaBackup hourly"}},
		"is Ready":                     {objects: []client.Object{well, good, observed(hourly(), condition("Ready", "True", "Scheduled"))}},
		"not verified":                 {objects: []client.Object{well, good, observed(hourly(), condition("RestoresVerified", "False", "RestoreStuck"))}, want: []string{"RestoreStuck KafkaBackup hourly"}},
		"not intercepted":              {objects: []client.Object{well, good, observed(hourly(), condition("NotIntercepted", "True", "NoEntryMatches"))}, want: []string{"NotIntercepted KafkaBackup hourly"}},
		"a pin for hours":              {objects: []client.Object{well, good, observed(hourly(), condition("PinInForce", "False", "PinSet"))}, want: []string{"PinInForce KafkaBackup hourly"}},
		"not observed":                 {objects: []client.Object{well, good, observed(hourly(), func(kb *v1alpha1.KafkaBackup) { kb.Status.ObservedGeneration = 0 })}, want: []string{"NotObserved KafkaBackup hourly"}},
		"overdue": {objects: []client.Object{well, good, observed(hourly(), func(kb *v1alpha1.KafkaBackup) {
			kb.Status.NextScheduleTime = &metav1.Time{Time: ago(2 * time.Minute)}
		})}, want: []string{"RunOverdue KafkaBackup hourly"}},
		"a mistake": {objects: []client.Object{well, good, observed(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionTime = "long" }), nil)}, want: []string{"InvalidSpec KafkaBackup hourly"}},
		"quorum left out": {objects: []client.Object{
			bound(snapshotstest.StrimziClaim("kafka", "z", 0, 0).Label("strimzi.io/component-type", "zookeeper").Class("ssd"), corev1.ClaimBound),
			observed(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.ExcludeQuorum = true }), nil)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := load(t, test.objects...).Statuses(now)
			if len(all) != 1 {
				t.Fatalf("%d clusters", len(all))
			}
			var got []string
			for _, p := range all[0].Problems {
				got = append(got, fmt.Sprintf("%s %s %s", p.Reason, p.Kind, p.Name))
				if p.Message == "" {
					t.Errorf("%s without a word", p.Reason)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("problems %q, want %q\n%+v", got, test.want, all[0])
			}
		})
	}
}

// unasked is a good snapshot from when nobody had opted in.
func unasked(c *snapshotstest.Claim, age time.Duration) client.Object {
	return snapshotstest.NewSnapshot(c, snapshotstest.NewBackup("hourly", "kafka", "csi"), driver, ago(age)).Ready().Obj()
}

// TestStatus has a volume that came back empty, and one whose last restore went
// back in time.
func TestStatus(t *testing.T) {
	t.Parallel()
	i := load(t, observed(hourly(), nil), bound(claim(0), corev1.ClaimBound), bound(claim(1), corev1.ClaimBound),
		snapshot(claim(0), time.Minute).Lineage("second", false).Obj(), snapshot(claim(0), time.Hour).Obj(),
		snapshot(claim(1), time.Minute).Annotate(v1alpha1.AnnotationAbandoned, "").Obj(), snapshot(claim(1), time.Hour).Obj())
	for _, v := range i.Statuses(now)[0].Volumes {
		if v.Newest == nil || v.Newest.DataLossSeconds != 3600 || !v.Newest.Proven || v.IfLost.Snapshot != v.Newest.Name || v.Unproven+v.Abandoned != 1 {
			t.Errorf("got %+v", v)
		}
	}
	states := []inventory.State{}
	for n := range i.Volumes {
		for _, s := range i.Volumes[n].Snapshots {
			states = append(states, i.Volumes[n].State(s))
		}
	}
	if want := []inventory.State{inventory.StateUnproven, inventory.StateReady, inventory.StateAbandoned, inventory.StateReady}; !slices.Equal(states, want) {
		t.Errorf("states %q, want %q", states, want)
	}
}

// TestStateOfDamaged checks a snapshot that a drill found damaged. What people have
// said of it comes first.
func TestStateOfDamaged(t *testing.T) {
	t.Parallel()
	i := load(t, observed(hourly(), nil), snapshot(claim(0), time.Hour).Damaged().Obj(), snapshot(claim(0), 2*time.Hour).Sound().Obj(),
		snapshot(claim(0), 3*time.Hour).Damaged().Annotate(v1alpha1.AnnotationAbandoned, "").Obj(), snapshot(claim(0), 4*time.Hour).Damaged().Annotate(v1alpha1.AnnotationHold, "").Obj())
	var states []inventory.State
	for _, s := range i.Volumes[0].Snapshots {
		states = append(states, i.Volumes[0].State(s))
	}
	if want := []inventory.State{inventory.StateDamaged, inventory.StateVerified, inventory.StateAbandoned, inventory.StateDamaged}; !slices.Equal(states, want) {
		t.Errorf("states %q, want %q", states, want)
	}
}

// TestVolumeOfRelabelled asks about a claim whose labels have changed since its
// snapshots were taken.
func TestVolumeOfRelabelled(t *testing.T) {
	t.Parallel()
	i := load(t, observed(hourly(), nil), snapshot(claim(0), time.Hour).Obj())
	relabelled := snapshotstest.PlainClaim("data-kafka-0").Label("app.kubernetes.io/name", "kafka").Label("app.kubernetes.io/instance", "another").Obj()
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).Build()
	v, ok, err := i.VolumeOf(t.Context(), c, relabelled)
	if err != nil || !ok || v.Cluster != "kafka" || len(v.Snapshots) != 1 {
		t.Errorf("%t %+v, %v", ok, v, err)
	}
	if _, ok, _ := i.VolumeOf(t.Context(), c, snapshotstest.PlainClaim("web-0").Obj()); ok {
		t.Error("another claim is of a broker volume")
	}
}

// TestStatusOfConfigMap has a KafkaBackup that a ConfigMap holds.
func TestStatusOfConfigMap(t *testing.T) {
	t.Parallel()
	kb := observed(hourly(), condition("Ready", "False", "SnapshotFailed"))
	kb.Status.LastRun = &v1alpha1.RunStatus{Volumes: 4, Ready: 1, Failed: 1, Skipped: 1}
	cm, err := snapshots.WithStatus(snapshotstest.ConfigMapOf(kb), kb.Status)
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, cm, bound(claim(0), corev1.ClaimBound), snapshot(claim(0), time.Hour).Obj()).Statuses(now)[0]
	if len(s.Backups) != 1 || s.Backups[0].Kind != "ConfigMap" || s.Backups[0].Result() != "1 of 4 ready, 1 failed, 1 skipped, 1 under way" {
		t.Errorf("backups %+v", s.Backups)
	}
	if len(s.Problems) != 1 || s.Problems[0].Kind != "ConfigMap" || s.Problems[0].Message != "as it says" {
		t.Errorf("problems %+v", s.Problems)
	}
}

// TestGoodSnapshots has status tell of the snapshots that the metrics and doctor
// tell of.
func TestGoodSnapshots(t *testing.T) {
	t.Parallel()
	for name, test := range snapshotstest.GoodCases(now) {
		objects := []client.Object{test.Claim.Obj(), observed(hourly(), nil)}
		for _, s := range test.Snapshots {
			objects = append(objects, s.Obj())
		}
		got, want := "", ""
		if newest := load(t, objects...).Statuses(now)[0].Volumes[0].Newest; newest != nil {
			got = newest.Name
		}
		if test.Good != nil {
			want = test.Good.Obj().Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Of several KafkaBackups of a cluster, the one that has asked last counts.
func TestKafkaStatus(t *testing.T) {
	kafkaSaid := func(name string, before time.Duration, brokers int32, status metav1.ConditionStatus) *v1alpha1.KafkaBackup {
		kb := observed(snapshotstest.NewBackup(name, "kafka", "csi"), condition(v1alpha1.ConditionKafkaObserved, status, v1alpha1.ReasonUnreachable))
		kb.Status.Kafka = &v1alpha1.KafkaStatus{ObservedTime: metav1.Time{Time: ago(before)}, Brokers: brokers}
		return kb
	}
	inv := load(t, kafkaSaid("daily", time.Hour, 2, metav1.ConditionTrue), kafkaSaid("hourly", time.Minute, 3, metav1.ConditionFalse), observed(snapshotstest.NewBackup("weekly", "kafka", "csi"), nil))
	got := inv.Statuses(now)[0]
	if k := got.Kafka; k == nil || k.KafkaBackup != "hourly" || k.Brokers != 3 || k.AgeSeconds != 60 || k.Stale != v1alpha1.ReasonUnreachable {
		t.Errorf("Kafka said %+v", k)
	}
	if !slices.ContainsFunc(got.Problems, func(p inventory.Problem) bool { return p.Reason == v1alpha1.ReasonUnreachable && p.Name == "hourly" }) ||
		slices.ContainsFunc(got.Problems, func(p inventory.Problem) bool {
			return p.Name == "daily" && p.Reason == v1alpha1.ConditionKafkaObserved
		}) {
		t.Errorf("problems %+v", got.Problems)
	}
}

// What is found once for all volumes of a cluster gives the answers that are found for
// each of them alone.
func TestStatusesAgreeWithIfLost(t *testing.T) {
	t.Parallel()
	twin := func(name string) *corev1.PersistentVolumeClaim {
		return bound(snapshotstest.KoperatorClaim("kafka", 7, "/logs").Named(name).Class("ssd"), corev1.ClaimBound)
	}
	disk := func(n int) *snapshotstest.Claim {
		return snapshotstest.StrimziClaim("kafka", "pool", 1, n).Class("ssd")
	}
	i := load(t, observed(hourly(), nil), bound(claim(0).From("some"), corev1.ClaimPending), bound(claim(1), corev1.ClaimBound), twin("a"), twin("b"),
		snapshot(claim(0), time.Hour).Obj(), snapshot(claim(1), time.Hour).Obj(), snapshot(claim(2), 5*time.Hour).Obj(),
		snapshot(disk(0), time.Hour).Obj(), snapshot(disk(0), 2*time.Hour).Obj(), snapshot(disk(1), 2*time.Hour).Obj())
	for _, s := range i.Statuses(now) {
		for _, got := range s.Volumes {
			n := slices.IndexFunc(i.Volumes, func(v inventory.Volume) bool { return v.Cluster == s.Cluster && v.Slot == got.Volume })
			d := i.IfLost(&i.Volumes[n], now)
			if got.IfLost != (inventory.IfLostStatus{Outcome: d.Outcome, Reason: d.Reason, Snapshot: d.SnapshotName(), Message: d.Message}) {
				t.Errorf("volume %s: %+v, alone %+v", got.Volume, got.IfLost, d)
			}
			if d.Reason == v1alpha1.ReasonDuplicateVolume {
				t.Errorf("volume %s is a duplicate of its own claims", got.Volume)
			}
		}
	}
}
