package snapshots_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// FuzzIdentify gives claims any labels and annotations, as key=value lines. The claim
// must have the same volume when it is created again, and its snapshots must name
// that volume.
func FuzzIdentify(f *testing.F) {
	for _, r := range recordedClaims(f, "*") {
		f.Add(r.claim.Name, toLines(r.claim.Labels), toLines(r.claim.Annotations), r.claim.GenerateName != "")
	}
	f.Fuzz(func(t *testing.T, name, labels, annotations string, generated bool) {
		first := snapshotstest.PlainClaim(name).Obj()
		first.Labels, first.Annotations = fromLines(labels), fromLines(annotations)
		if generated {
			first.GenerateName = "kafka-"
		}
		v, ok := snapshots.Identify("kafka", first, nil)
		if !ok {
			return
		}
		if v.Cluster == "" || v.Slot == "" || v.Node == "" || v.Namespace != "kafka" {
			t.Fatalf("%+v is no volume", v)
		}
		if problems := validation.IsValidLabelValue(v.Hash()); len(problems) > 0 {
			t.Fatalf("hash %q: %v", v.Hash(), problems)
		}
		again := first.DeepCopy()
		if v.GeneratedName {
			again.Name = name + "x"
		}
		again.UID = "another"
		if w, ok := snapshots.Identify("kafka", again, nil); !ok || w.Key() != v.Key() {
			t.Fatalf("made again it is %+v, was %+v", w, v)
		}
		if v.GeneratedName || first.Name == "" || len(name)+len(labels) > 1024 { // longer than an apiserver takes
			return
		}
		vs := snapshots.Stamp(v, first, &corev1.PersistentVolume{}, snapshots.Backup{Name: "hourly"}, nil, snapshots.Lineage{ID: "first", Proven: true}, now)
		vs.Status = &snapshotv1.VolumeSnapshotStatus{CreationTime: &metav1.Time{Time: now}}
		s, err := snapshots.NewSnapshot(vs)
		if err != nil {
			t.Fatal(err)
		}
		catalog := snapshots.NewCatalog(map[string][]snapshots.Snapshot{"kafka": {s.Lean()}})
		if w, refusal, ok := snapshots.VolumeOfClaim("kafka", first.Name, catalog.Claim("kafka", first.Name), nil); !ok || w.Key() != v.Key() {
			t.Fatalf("by its snapshot it is %+v (%s), was %+v", w, refusal.Message, v)
		}
	})
}

// toLines writes labels as lines that [fromLines] reads.
func toLines(set map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(set)) {
		fmt.Fprintf(&b, "%s=%s\n", key, set[key])
	}
	return b.String()
}

func fromLines(text string) map[string]string {
	set := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		set[key] = value
	}
	return set
}
