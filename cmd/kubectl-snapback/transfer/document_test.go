package transfer

import (
	"reflect"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var now = time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)

// exported is the export of a ready snapshot of the claim.
func exported(t testing.TB, claim *snapshotstest.Claim, change func(*snapshotv1.VolumeSnapshot)) Snapshot {
	t.Helper()
	vs := snapshotstest.NewSnapshot(claim, snapshotstest.NewBackup("hourly", "kafka", "class"), "driver", now).
		Ready().Annotate(v1alpha1.AnnotationRestore, "latest").Annotate("kubectl.kubernetes.io/last-applied-configuration", "{}").Obj()
	if change != nil {
		change(vs)
	}
	s, ok := Export(vs, stored())
	if !ok {
		t.Fatal("not exported")
	}
	return s
}

func stored() *snapshotv1.VolumeSnapshotContent {
	return &snapshotv1.VolumeSnapshotContent{
		Spec: snapshotv1.VolumeSnapshotContentSpec{Driver: "driver", DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain,
			SourceVolumeMode: ptr.To(corev1.PersistentVolumeFilesystem)},
		Status: &snapshotv1.VolumeSnapshotContentStatus{SnapshotHandle: ptr.To("handle")},
	}
}

func koperator() *snapshotstest.Claim { return snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs") }

func encoded(t testing.TB, all ...Snapshot) string {
	t.Helper()
	data, err := Encode(Document{Exported: now, Snapshots: all})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRoundTrip(t *testing.T) {
	s := exported(t, koperator(), nil)
	if _, kept := s.Annotations["kubectl.kubernetes.io/last-applied-configuration"]; kept || !s.Content.CreationTime.Equal(now) {
		t.Errorf("exported %+v", s)
	}
	d, err := Decode([]byte(encoded(t, s)))
	if err != nil || !reflect.DeepEqual(d.Snapshots, []Snapshot{s}) || !d.Exported.Equal(now) {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestNotExported(t *testing.T) {
	for name, change := range map[string]func(*snapshotv1.VolumeSnapshot){
		"not ready":      func(vs *snapshotv1.VolumeSnapshot) { vs.Status.ReadyToUse = ptr.To(false) },
		"being pruned":   func(vs *snapshotv1.VolumeSnapshot) { vs.Annotations[v1alpha1.AnnotationPruning] = "now" },
		"somebody's own": func(vs *snapshotv1.VolumeSnapshot) { vs.Labels = nil },
	} {
		vs := snapshotstest.NewSnapshot(koperator(), snapshotstest.NewBackup("hourly", "kafka", "class"), "driver", now).Ready().Obj()
		change(vs)
		if _, ok := Export(vs, stored()); ok {
			t.Errorf("%s: it is exported", name)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := encoded(t, exported(t, koperator(), nil))
	for name, test := range map[string]struct{ text, says string }{
		"nothing":         {"", `it is a "", not a SnapshotExport`},
		"another kind":    {strings.Replace(good, "kind: "+Kind, "kind: List", 1), `it is a "List"`},
		"a newer version": {strings.Replace(good, APIVersion, "export.snapback.dev/v2", 1), "use the version that wrote it"},
		"more than known": {good + "more: true\n", `unknown field "more"`},
		"no handle":       {strings.Replace(good, "snapshotHandle: handle", "snapshotHandle: \"\"", 1), "no driver or no snapshotHandle"},
		"no time":         {strings.Replace(good, "creationTime: \"2026-02-21T19:05:33Z\"", "creationTime: \"0001-01-01T00:00:00Z\"", 1), "no creationTime"},
		"of another slot": {strings.Replace(good, "slot: 2:", "slot: 3:", 1), "does not match the volume"},
		"no YAML":         {"\t", "it is not YAML"},
		"twice":           {good + good[strings.Index(good, "- annotations"):], "is there twice"},
	} {
		if _, err := Decode([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(encoded(f, exported(f, koperator(), nil), exported(f, snapshotstest.StrimziClaim("kafka", "broker", 1, 0), nil))))
	f.Add([]byte("apiVersion: " + APIVersion + "\nkind: " + Kind + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Decode(data)
		if err != nil {
			return
		}
		for _, s := range d.Snapshots {
			if _, err := Import(s, "elsewhere", ""); err != nil {
				t.Errorf("read, and not to be imported: %v", err)
			}
		}
		_ = Next(d.Snapshots, "")
		again, err := Decode([]byte(encoded(t, d.Snapshots...)))
		if err != nil || len(again.Snapshots) != len(d.Snapshots) || len(d.Snapshots) > 0 && !reflect.DeepEqual(again.Snapshots, d.Snapshots) {
			t.Errorf("%+v\nbecame %+v (%v)", d, again, err)
		}
	})
}
