package recovery

import (
	"strings"
	"testing"
	"testing/synctest"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// hourly is the KafkaBackup of all.
func hourly() *snapshotstest.Backup {
	return snapshotstest.NewBackup("hourly", "kafka", "class").Annotate(v1alpha1.AnnotationRestore, "latest")
}

func boundClaim(of *snapshotstest.Claim) *corev1.PersistentVolumeClaim {
	pvc := of.Obj()
	pvc.UID, pvc.Status.Phase = types.UID("uid-of-"+pvc.Name), corev1.ClaimBound
	return pvc
}

func snapshotOf(claim *snapshotstest.Claim) *snapshotstest.Snapshot {
	return snapshotstest.NewSnapshot(claim, hourly(), "driver", noon).Ready()
}

// cluster has these objects, beside the namespace and the KafkaBackup.
func cluster(objects ...client.Object) *fake.ClientBuilder {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}}
	return fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(append(objects, namespace, hourly().Obj())...)
}

// plan plans with what a cluster has.
func plan(t *testing.T, c client.Client, r Request) *Plan {
	t.Helper()
	return planWith(t, c, r, Asked{})
}

func planWith(t *testing.T, c client.Client, r Request, asked Asked) *Plan {
	t.Helper()
	inv, err := inventory.Load(t.Context(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	if inv, err = inv.Only(key.Namespace, key.Name); err != nil {
		t.Fatal(err)
	}
	around, err := Look(t.Context(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	around.Kafka = asked
	p, err := NewPlan(inv, key, around, r, later)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAlone has restores that were begun after the plan was made: what they
// have pinned stays so, and nothing else is left pinned.
func TestAlone(t *testing.T) {
	for name, test := range map[string]struct {
		claim   *snapshotstest.Claim
		restore string // that was begun
		want    string
	}{
		"another broker's":     {snapshotstest.StatefulSetClaim("kafka", 1), "broker/kafka-1", "another restore of the cluster, broker/kafka-1, was begun meanwhile: finish it first, with kubectl snapback restore kafka -n kafka --broker kafka-1"},
		"of the very snapshot": {snapshotstest.StatefulSetClaim("kafka", 0), "run/x", "another restore has pinned it since, run/x: finish that first"},
		"of another cluster":   {snapshotstest.KoperatorClaim("other", 1, "/logs"), "broker/1", "Snapback was not asked about it"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				own := snapshotstest.StatefulSetClaim("kafka", 0)
				objects := []client.Object{boundClaim(own), snapshotOf(own).Obj()}
				theirs := snapshotOf(test.claim).Obj()
				if theirs.Name != objects[1].GetName() {
					objects = append(objects, theirs)
				}
				c := cluster(objects...).Build()
				r := &Runner{Client: c, Plan: plan(t, c, Request{Brokers: []string{"0"}}), Out: t.Output()}
				if err := patch(t.Context(), c, read(t, c, theirs), mergepatch.Annotations(map[string]any{v1alpha1.AnnotationRestoring: test.restore + " lost", v1alpha1.AnnotationRestoreNext: "true"})); err != nil {
					t.Fatal(err)
				}
				if err := r.prepare(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %s", err, test.want)
				}
				for _, o := range objects[1:] {
					vs := read(t, c, o)
					if pinned := vs.Annotations[v1alpha1.AnnotationRestoreNext] != ""; pinned != (vs.Name == theirs.Name) {
						t.Errorf("VolumeSnapshot %s is pinned: %t", vs.Name, pinned)
					}
				}
			})
		})
	}
}

func read(t *testing.T, c client.Client, o client.Object) *snapshotv1.VolumeSnapshot {
	t.Helper()
	vs := &snapshotv1.VolumeSnapshot{}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), vs); err != nil {
		t.Fatal(err)
	}
	return vs
}
