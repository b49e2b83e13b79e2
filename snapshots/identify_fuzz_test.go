package snapshots_test

import (
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// FuzzIdentify gives claims any labels, as key=value lines: whatever they are
// taken for, it is the same volume when the claim is made again, and the one
// that its snapshots name.
func FuzzIdentify(f *testing.F) {
	f.Add("kafka-0-storage-0-abcde", "app=kafka\nkafka_cr=kafka\nbrokerId=0\npvcRoles=broker_controller", "/kafka-logs", true)
	f.Add("data-0-kafka-broker-0", "strimzi.io/cluster=kafka\nstrimzi.io/kind=Kafka\nstrimzi.io/component-type=kafka", "", false)
	f.Add("data-prod-kafka-controller-0", "app.kubernetes.io/name=kafka\napp.kubernetes.io/instance=prod\napp.kubernetes.io/component=controller-eligible", "", false)
	f.Add("data0-kafka-0", "confluent-platform=true\nclusterId=operator\ntype=kafka", "", false)
	f.Add("datadir-0-prod-cp-kafka-0", "app=cp-kafka\nrelease=prod", "", false)
	f.Add("data-kafka-0", "app=kafka", "", false)
	f.Add("disk", "snapback.dev/cluster=kafka\nsnapback.dev/broker=0\nsnapback.dev/role=controller", "", true)
	f.Fuzz(func(t *testing.T, name, labels, mountPath string, generated bool) {
		claim := func(name string) *snapshotstest.Claim {
			c := snapshotstest.PlainClaim(name).Annotate("mountPath", mountPath)
			for line := range strings.Lines(labels) {
				key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				c.Label(key, value)
			}
			return c
		}
		first := claim(name).Obj()
		if generated {
			first.GenerateName = "kafka-"
		}
		v, ok := snapshots.Identify("kafka", first, nil)
		if !ok {
			return
		}
		if v.Cluster == "" || v.Slot == "" || v.Broker == "" || v.Namespace != "kafka" {
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
