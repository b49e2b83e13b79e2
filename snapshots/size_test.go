package snapshots_test

import (
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func setOf(name, template, request string) appsv1.StatefulSet {
	claim := snapshotstest.PlainClaim(template).Request(request).Obj()
	return appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: snapshotstest.Namespace, Name: name},
		Spec:       appsv1.StatefulSetSpec{VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*claim}},
	}
}

// A claim is created again with the size of its StatefulSet, even if the lost claim
// was expanded.
func TestRequestAgain(t *testing.T) {
	sets := []appsv1.StatefulSet{setOf("kafka", "data-0", "1Gi"), setOf("0-kafka", "data", "2Gi"), setOf("zk", "data", "3Gi")}
	for name, test := range map[string]struct {
		claim *snapshotstest.Claim
		want  string
	}{
		"expanded by hand":                 {snapshotstest.PlainClaim("data-zk-0").Request("5Gi"), "3Gi"},
		"of a later ordinal":               {snapshotstest.PlainClaim("data-zk-12").Request("5Gi"), "3Gi"},
		"of one of two, the smaller":       {snapshotstest.PlainClaim("data-0-kafka-0").Request("5Gi"), "1Gi"},
		"of no StatefulSet":                {snapshotstest.PlainClaim("data-other-0").Request("5Gi"), "5Gi"},
		"in another namespace":             {snapshotstest.PlainClaim("data-zk-0").In("other").Request("5Gi"), "5Gi"},
		"without an ordinal":               {snapshotstest.PlainClaim("data-zk-a").Request("5Gi"), "5Gi"},
		"without anything but the ordinal": {snapshotstest.PlainClaim("0").Request("5Gi"), "5Gi"},
	} {
		t.Run(name, func(t *testing.T) {
			got := snapshots.NewTemplates(sets).Request(test.claim.Obj())
			if got.String() != test.want {
				t.Errorf("%s, want %s", got.String(), test.want)
			}
		})
	}
	claim := snapshotstest.PlainClaim("data-zk-0").Request("5Gi").Obj()
	if got := snapshots.Templates(nil).Request(claim); got.String() != "5Gi" {
		t.Errorf("nothing known of StatefulSets: %s, want the claim's own request", got.String())
	}
}

// TestRestoreSize checks the sum, and that one sum always looks the same: it is in
// a status, which must not change with the order of the snapshots.
func TestRestoreSize(t *testing.T) {
	of := func(sizes ...string) (all []snapshots.Snapshot) {
		for _, size := range sizes {
			s := snapshots.Snapshot{}
			if size != "" {
				s.Size = ptr.To(resource.MustParse(size))
			}
			all = append(all, s)
		}
		return all
	}
	for want, all := range map[string][]snapshots.Snapshot{
		"2Gi":                 slices.Concat(of("1Gi", "1024Mi"), of("", "0", "-5Gi")),
		"1500000Ki":           of("1G", "536M"),
		"1097741824":          of("1Gi", "24M"),
		"1073741825":          of("1", "1Gi"),
		"2300Gi":              slices.Repeat(of("100Gi"), 23),
		"9223372036854775807": of("8Ei", "7Ei", "1Gi"),
		"2":                   of("0.5", "0.25"),
	} {
		reversed := slices.Clone(all)
		slices.Reverse(reversed)
		for _, all := range [][]snapshots.Snapshot{all, reversed} {
			if got := snapshots.RestoreSize(all); got == nil || got.String() != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
	}
	if got := snapshots.RestoreSize(of("", "0")); got != nil {
		t.Errorf("%s although no size is known", got)
	}
}

func TestOutgrown(t *testing.T) {
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	broker := func() *snapshotstest.Claim { return snapshotstest.StatefulSetClaim("kafka", 0) }
	combined := func() *snapshotstest.Claim {
		return snapshotstest.KoperatorClaim("kafka", 0, "/logs").Label("pvcRoles", "broker_controller")
	}
	backup := func() *snapshotstest.Backup {
		return snapshotstest.NewBackup("hourly", "kafka", "csi").Annotate(v1alpha1.AnnotationRestore, "latest")
	}
	of := func(claim *snapshotstest.Claim, hour int, size string) *snapshotstest.Snapshot {
		return snapshotstest.NewSnapshot(claim, backup(), "csi.example.com", at.Add(time.Duration(hour)*time.Hour)).Ready().Size(size)
	}
	for name, test := range map[string]struct {
		claim  *snapshotstest.Claim // requests 1Gi
		backup *snapshotstest.Backup
		all    []*snapshotstest.Snapshot
		want   string
	}{
		"no snapshot":                   {broker(), backup(), nil, ""},
		"as large":                      {broker(), backup(), []*snapshotstest.Snapshot{of(broker(), 1, "1Gi")}, ""},
		"larger":                        {broker(), backup(), []*snapshotstest.Snapshot{of(broker(), 1, "2Gi")}, "requests 1Gi, needs 2Gi"},
		"rounded up":                    {broker().Request("1G"), backup(), []*snapshotstest.Snapshot{of(broker(), 1, "1Gi")}, "requests 1G, needs 1Gi"},
		"only the newest is":            {broker(), backup(), []*snapshotstest.Snapshot{of(broker(), 1, "1Gi"), of(broker(), 2, "2Gi")}, "requests 1Gi, needs 2Gi"},
		"only an older one is":          {broker(), backup(), []*snapshotstest.Snapshot{of(broker(), 1, "2Gi"), of(broker(), 2, "1Gi")}, ""},
		"the newest has been abandoned": {broker(), backup(), []*snapshotstest.Snapshot{of(broker(), 1, "1Gi"), of(broker(), 2, "2Gi").Annotate(v1alpha1.AnnotationAbandoned, "x")}, ""},
		"whatever is pinned":            {broker(), backup(), []*snapshotstest.Snapshot{of(broker(), 1, "1Gi").Annotate(v1alpha1.AnnotationRestoreNext, "true"), of(broker(), 2, "2Gi")}, "requests 1Gi, needs 2Gi"},
		"it would start empty":          {broker(), backup().Annotate(v1alpha1.AnnotationRestoreUnusable, "empty"), []*snapshotstest.Snapshot{of(broker(), 1, "2Gi")}, "requests 1Gi, needs 2Gi"},
		"opted out":                     {broker(), backup().Annotate(v1alpha1.AnnotationRestore, "off"), []*snapshotstest.Snapshot{of(broker(), 1, "2Gi")}, ""},
		"opted in by the snapshot":      {broker(), snapshotstest.NewBackup("hourly", "kafka", "csi"), []*snapshotstest.Snapshot{of(broker(), 1, "2Gi")}, "requests 1Gi, needs 2Gi"},
		"a mistake in the policy":       {broker(), backup().Annotate(v1alpha1.AnnotationRestore, "on"), []*snapshotstest.Snapshot{of(broker(), 1, "2Gi")}, ""},
		"votes, undecided":              {combined(), backup(), []*snapshotstest.Snapshot{of(combined(), 1, "2Gi")}, ""},
		"votes, as its snapshot says":   {snapshotstest.KoperatorClaim("kafka", 0, "/logs").Label("pvcRoles", ""), backup(), []*snapshotstest.Snapshot{of(combined(), 1, "2Gi")}, ""},
		"votes that start empty":        {combined(), backup().Annotate(v1alpha1.AnnotationRestoreQuorum, "empty"), []*snapshotstest.Snapshot{of(combined(), 1, "2Gi")}, ""},
		"votes that are restored":       {combined(), backup().Annotate(v1alpha1.AnnotationRestoreQuorum, "true"), []*snapshotstest.Snapshot{of(combined(), 1, "2Gi")}, "requests 1Gi, needs 2Gi"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := snapshots.NewBackup(test.backup.Obj())
			if err != nil {
				t.Fatal(err)
			}
			pvc := test.claim.Obj()
			v, ok := snapshots.Identify(pvc.Namespace, pvc, nil)
			if !ok {
				t.Fatal("no volume")
			}
			var all []snapshots.Snapshot
			for _, s := range test.all {
				read, err := snapshots.NewSnapshot(s.Obj())
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, read)
			}
			claim := snapshots.Claim{Volume: v, Request: snapshots.Templates{}.Request(pvc), VolumeMode: corev1.PersistentVolumeFilesystem}
			got := snapshots.Cluster{Backups: []snapshots.Backup{b}, Snapshots: map[string][]snapshots.Snapshot{v.Hash(): all}}.Outgrown(claim)
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
