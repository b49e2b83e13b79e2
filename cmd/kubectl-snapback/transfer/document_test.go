package transfer

import (
	"reflect"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var cut = time.Date(2026, time.March, 1, 12, 0, 7, 0, time.UTC)

// taken is a ready snapshot of a broker's volume, and its content.
func taken(claim *snapshotstest.Claim, annotations ...string) (*snapshotv1.VolumeSnapshot, *snapshotv1.VolumeSnapshotContent) {
	s := snapshotstest.NewSnapshot(claim.In("kafka"), snapshotstest.NewBackup("hourly", "kafka", "class").In("kafka"), "driver", cut.Add(-7*time.Second)).Ready().Cut(cut)
	for n := 0; n < len(annotations); n += 2 {
		s.Annotate(annotations[n], annotations[n+1])
	}
	content := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{Driver: "driver", DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain,
		SourceVolumeMode: ptr.To(corev1.PersistentVolumeFilesystem)}, Status: &snapshotv1.VolumeSnapshotContentStatus{SnapshotHandle: ptr.To("handle")}}
	return s.Obj(), content
}

func exportOf(t testing.TB, claim *snapshotstest.Claim, annotations ...string) Snapshot {
	t.Helper()
	s, ok := Export(taken(claim, annotations...))
	if !ok {
		t.Fatal("a ready snapshot is not exported")
	}
	return s
}

func TestDocument(t *testing.T) {
	want := Document{APIVersion: APIVersion, Kind: Kind, Exported: cut, Snapshots: []Snapshot{
		exportOf(t, snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs").Named("kafka-2-storage-0-abcde")),
		exportOf(t, snapshotstest.StrimziClaim("kafka", "broker", 2, 0)),
	}}
	text, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v\nwas %+v\nerror: %v", got, want, err)
	}
	for says, change := range map[string][2]string{
		`it is of version "export.snapback.dev/v2"`:          {"dev/v1", "dev/v2"},
		`it is a "ConfigMap"`:                                {"kind: SnapshotExport", "kind: ConfigMap"},
		"unknown field":                                      {"    driver: driver", "    wheel: driver"},
		"it has no driver or no snapshotHandle":              {"snapshotHandle: handle", `snapshotHandle: ""`},
		"its namespace is not the name of one":               {"namespace: kafka", "namespace: ../kafka"},
		"is not of the volume that its annotations name":     {"snapback.dev/slot: 2:/kafka-logs", "snapback.dev/slot: 3:/kafka-logs"},
		"it is not YAML":                                     {"kind: SnapshotExport", "kind: [SnapshotExport"},
		"was not made by snapback":                           {"app.kubernetes.io/managed-by: snapback", "app.kubernetes.io/managed-by: helm"},
		"it has no creationTime":                             {`creationTime: "2026-03-01T12:00:07Z"`, `creationTime: "0001-01-01T00:00:00Z"`},
		"snapshot 2, kafka/" + want.Snapshots[0].Name + ": ": {want.Snapshots[1].Name, want.Snapshots[0].Name},
	} {
		broken := strings.ReplaceAll(string(text), change[0], change[1])
		if _, err := Decode([]byte(broken)); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestExport(t *testing.T) {
	for name, change := range map[string]func(*snapshotv1.VolumeSnapshot, *snapshotv1.VolumeSnapshotContent){
		"not ready": func(vs *snapshotv1.VolumeSnapshot, _ *snapshotv1.VolumeSnapshotContent) {
			vs.Status.ReadyToUse = ptr.To(false)
		},
		"marked for pruning": func(vs *snapshotv1.VolumeSnapshot, _ *snapshotv1.VolumeSnapshotContent) {
			vs.Annotations[snapshots.AnnotationPruning] = "x"
		},
		"without a handle": func(_ *snapshotv1.VolumeSnapshot, c *snapshotv1.VolumeSnapshotContent) { c.Status.SnapshotHandle = nil },
	} {
		vs, content := taken(snapshotstest.StatefulSetClaim("kafka", 0))
		change(vs, content)
		if _, ok := Export(vs, content); ok {
			t.Errorf("%s: exported", name)
		}
	}
	s := exportOf(t, snapshotstest.StatefulSetClaim("kafka", 0), snapshots.AnnotationRestoreNext, "true", snapshots.AnnotationHold, "why", snapshots.AnnotationStartEmptyUntil, "2026-03-02T00:00:00Z")
	if s.Annotations[snapshots.AnnotationHold] != "why" || s.Annotations[snapshots.AnnotationRestoreNext] != "" || s.Annotations[snapshots.AnnotationStartEmptyUntil] != "" {
		t.Errorf("annotations that go along: %v", s.Annotations)
	}
}

// TestImport makes objects that a claim in the namespace is restored from.
func TestImport(t *testing.T) {
	for name, claim := range map[string]*snapshotstest.Claim{
		"Koperator":   snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs").Named("kafka-2-storage-0-abcde"),
		"Strimzi":     snapshotstest.StrimziClaim("kafka", "broker", 2, 0),
		"StatefulSet": snapshotstest.StatefulSetClaim("kafka", 0),
	} {
		for _, namespace := range []string{"", "elsewhere"} {
			pair, err := Import(exportOf(t, claim), namespace, "class")
			if err != nil {
				t.Fatal(err)
			}
			s, err := snapshots.NewSnapshot(pair.Snapshot)
			if err != nil {
				t.Fatal(err)
			}
			v, _ := snapshots.Identify(pair.Snapshot.Namespace, claim.Obj(), nil)
			if s.Volume != v.Hash() || !s.Imported || !s.Cut.Equal(cut) {
				t.Errorf("%s into %q: of volume %s, want %s; imported %t, cut %s", name, namespace, s.Volume, v.Hash(), s.Imported, s.Cut)
			}
			again, err := Import(exportOf(t, claim), namespace, "class")
			if err != nil || again.Content.Name != pair.Content.Name || pair.Content.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentRetain ||
				*pair.Snapshot.Spec.Source.VolumeSnapshotContentName != pair.Content.Name || pair.Content.Spec.VolumeSnapshotRef.Namespace != pair.Snapshot.Namespace {
				t.Errorf("%s into %q: %+v, again %s (error: %v)", name, namespace, pair.Content, again.Content.Name, err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	text, err := Encode(Document{Exported: cut, Snapshots: []Snapshot{exportOf(f, snapshotstest.StrimziClaim("kafka", "broker", 2, 0))}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("kind: SnapshotExport\napiVersion: export.snapback.dev/v1\nsnapshots: [{}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Decode(data)
		if err != nil {
			return
		}
		text, err := Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Decode(text); err != nil || len(again.Snapshots) != len(d.Snapshots) {
			t.Fatalf("what was read is written as what cannot be read: %v\n%s", err, text)
		}
		for _, s := range d.Snapshots {
			if _, err := Import(s, "elsewhere", ""); err != nil {
				t.Fatal(err)
			}
		}
	})
}
