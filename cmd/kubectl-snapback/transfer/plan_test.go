package transfer

import (
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestImport imports into another namespace: it is then that one's volume.
func TestImport(t *testing.T) {
	for name, claim := range map[string]*snapshotstest.Claim{
		"koperator": koperator(), "strimzi": snapshotstest.StrimziClaim("kafka", "broker", 1, 0), "statefulset": snapshotstest.StatefulSetClaim("kafka", 0),
	} {
		p, err := Import(exported(t, claim, nil), "restored", "")
		if err != nil {
			t.Fatal(err)
		}
		want, _ := snapshots.Identify("restored", claim.Obj(), nil)
		got, err := snapshots.NewSnapshot(p.Snapshot)
		if err != nil || got.Volume != want.Hash() || !got.Imported || !got.Cut.Equal(now) || !got.Scheduled.Equal(now) {
			t.Errorf("%s: %+v (%v), want volume %s", name, got, err, want.Hash())
		}
		if c := p.Content.Spec; c.DeletionPolicy != snapshotv1.VolumeSnapshotContentRetain || *c.Source.SnapshotHandle != "handle" ||
			c.VolumeSnapshotRef.Namespace != "restored" || *p.Snapshot.Spec.Source.VolumeSnapshotContentName != p.Content.Name {
			t.Errorf("%s: content %+v", name, c)
		}
		same, err := Import(exported(t, claim, nil), "", "")
		if err != nil || same.Content.Name == p.Content.Name || same.Snapshot.Namespace != snapshotstest.Namespace {
			t.Errorf("%s: %s/%s of content %s (%v)", name, same.Snapshot.Namespace, same.Snapshot.Name, same.Content.Name, err)
		}
	}
}

func TestPlan(t *testing.T) {
	p, err := Import(exported(t, koperator(), nil), "", "")
	if err != nil {
		t.Fatal(err)
	}
	content := func(change func(*snapshotv1.VolumeSnapshotContent)) *snapshotv1.VolumeSnapshotContent {
		c := p.Content.DeepCopy()
		c.Spec.VolumeSnapshotRef.UID = "former"
		if change != nil {
			change(c)
		}
		return c
	}
	native := p.Snapshot.DeepCopy()
	native.Spec.Source = snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: ptr.To("claim")}
	deleting := p.Snapshot.DeepCopy()
	deleting.DeletionTimestamp = &metav1.Time{Time: now}
	other := stored()
	other.Status.SnapshotHandle = ptr.To("other")
	for name, test := range map[string]struct {
		found                     Found
		content, snapshot, freeIt bool
		says                      string
	}{
		"nothing there":          {Found{}, true, true, false, ""},
		"all there":              {Found{Content: content(nil), Snapshot: p.Snapshot}, false, false, false, ""},
		"interrupted":            {Found{Content: p.Content}, false, true, false, ""},
		"snapshot deleted since": {Found{Content: content(nil)}, false, true, true, ""},
		"content deleted since":  {Found{Snapshot: p.Snapshot}, true, false, false, ""},
		"the original":           {Found{Snapshot: native, Bound: stored()}, false, false, false, ""},
		"another one":            {Found{Snapshot: native, Bound: other}, false, false, false, "is not of this export"},
		"an unbound one":         {Found{Snapshot: native}, false, false, false, "is not of this export"},
		"being deleted":          {Found{Snapshot: deleting}, false, false, false, "is being deleted"},
		"content of another handle": {Found{Content: content(func(c *snapshotv1.VolumeSnapshotContent) { c.Spec.Source.SnapshotHandle = ptr.To("x") })},
			false, false, false, "is not of this export"},
		"content that deletes": {Found{Content: content(func(c *snapshotv1.VolumeSnapshotContent) {
			c.Spec.DeletionPolicy = snapshotv1.VolumeSnapshotContentDelete
		})},
			false, false, false, "is not of this export"},
	} {
		t.Run(name, func(t *testing.T) {
			step, err := Plan(p, test.found)
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%v, want %q", err, test.says)
				}
				return
			}
			if err != nil || step.CreateContent != test.content || step.CreateSnapshot != test.snapshot || (step.Release != nil) != test.freeIt {
				t.Errorf("%+v (%v)", step, err)
			}
		})
	}
}

func TestNext(t *testing.T) {
	strimzi := snapshotstest.StrimziClaim("kafka", "broker", 1, 0)
	withID := func(vs *snapshotv1.VolumeSnapshot) { vs.Annotations[v1alpha1.AnnotationKafkaClusterID] = "abc" }
	for name, test := range map[string]struct {
		s    Snapshot
		says []string
	}{
		"Strimzi": {exported(t, strimzi, withID), []string{"1. Create the Kafka", `kubectl patch kafka kafka -n there --subresource=status --type=merge -p '{"status":{"clusterId":"abc"}}'`,
			"3. kubectl annotate kafka kafka -n there strimzi.io/pause-reconciliation-", "is a restore"}},
		"Strimzi, no id": {exported(t, strimzi, nil), []string{"meta.properties", `{"clusterId":"ID"}`}},
		"an id":          {exported(t, koperator(), withID), []string{"Kafka's cluster.id is abc"}},
		"Koperator":      {exported(t, koperator(), nil), []string{"the same name", "is a restore"}},
		"not opted in": {exported(t, koperator(), func(vs *snapshotv1.VolumeSnapshot) { delete(vs.Annotations, v1alpha1.AnnotationRestore) }),
			[]string{"annotate namespace there with snapback.dev/restore=latest first"}},
		"a controller": {exported(t, koperator().Label("pvcRoles", "controller"), nil), []string{"vote", v1alpha1.AnnotationRestoreQuorum}},
	} {
		got := Next([]Snapshot{test.s}, "there")
		for _, part := range test.says {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %q is not in\n%s", name, part, got)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	var items []snapshotv1.VolumeSnapshot
	for run := range 3 {
		for broker := range 2 {
			at := now.Add(-time.Duration(run) * time.Hour)
			items = append(items, *snapshotstest.NewSnapshot(snapshotstest.KoperatorClaim("kafka", broker, "/kafka-logs"),
				snapshotstest.NewBackup("hourly", "kafka", "class"), "driver", at).Ready().Obj())
		}
	}
	for name, test := range map[string]struct {
		scope Scope
		want  int
		says  string
	}{
		"all":             {Scope{}, 6, ""},
		"the newest":      {Scope{Latest: 1}, 2, ""},
		"more than there": {Scope{Latest: 9, Cluster: "kafka"}, 6, ""},
		"unknown":         {Scope{Namespace: "kafka", Cluster: "x"}, 0, `namespace kafka has no ready snapshot of Kafka cluster "x", it has those of: kafka`},
	} {
		got, err := choose(items, test.scope)
		if len(got) != test.want || (err == nil) != (test.says == "") || err != nil && err.Error() != test.says {
			t.Errorf("%s: %d (%v)", name, len(got), err)
		}
		for _, vs := range got {
			if test.scope.Latest == 1 && vs.Labels[v1alpha1.LabelRun] != snapshots.FormatRun(now) {
				t.Errorf("%s: %s is not the newest", name, vs.Name)
			}
		}
	}
	if _, err := choose(nil, Scope{Namespace: "kafka"}); err == nil || !strings.Contains(err.Error(), "nothing to export") {
		t.Error(err)
	}
}
