package snapshots_test

import (
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// now is the time of all decisions.
var now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

const (
	driver = "csi.example.com"
	latest = "latest"
)

func ago(d time.Duration) time.Time { return now.Add(-d) }

func optIn() map[string]string {
	return map[string]string{v1alpha1.AnnotationRestore: latest}
}

// brokerClaim returns the claim that most tests use: 1Gi of a broker of cluster
// kafka, without an opt-in of its own.
func brokerClaim() *snapshotstest.Claim {
	return snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Class("csi-ssd")
}

func hourly() *snapshotstest.Backup {
	return snapshotstest.NewBackup("kafka-hourly", "kafka", "csi-snapshots")
}

// snapshotOf returns a snapshot of brokerClaim that is not cut yet.
func snapshotOf(scheduled time.Time) *snapshotstest.Snapshot {
	return snapshotstest.NewSnapshot(brokerClaim(), hourly(), driver, scheduled)
}

// read returns the parsed Snapshot of a VolumeSnapshot.
func read(t testing.TB, s *snapshotstest.Snapshot) snapshots.Snapshot {
	t.Helper()
	snapshot, err := snapshots.NewSnapshot(s.Obj())
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// readAll returns the parsed snapshots as a catalog holds them.
func readAll(t testing.TB, all ...*snapshotstest.Snapshot) []snapshots.Snapshot {
	t.Helper()
	var known []snapshots.Snapshot
	for _, s := range all {
		known = append(known, read(t, s).Lean())
	}
	return known
}

func parse(t testing.TB, b *snapshotstest.Backup) snapshots.Backup {
	t.Helper()
	backup, err := snapshots.NewBackup(b.Obj())
	if err != nil {
		t.Fatal(err)
	}
	return backup
}

// identify returns the volume of a claim, which must have one.
func identify(t testing.TB, c *snapshotstest.Claim, backups ...snapshots.Backup) snapshots.Volume {
	t.Helper()
	pvc := c.Obj()
	v, ok := snapshots.Identify(pvc.Namespace, pvc, backups)
	if !ok {
		t.Fatalf("claim %q with labels %v is no broker volume", pvc.Name+pvc.GenerateName, pvc.Labels)
	}
	return v
}

// asked returns the facts of a claim for a decision, with a StorageClass of that
// driver.
func asked(t testing.TB, c *snapshotstest.Claim, provisioner string) snapshots.Claim {
	t.Helper()
	pvc := c.Obj()
	return snapshots.Claim{
		Volume:     identify(t, c),
		Request:    pvc.Spec.Resources.Requests[corev1.ResourceStorage],
		VolumeMode: ptr.Deref(pvc.Spec.VolumeMode, corev1.PersistentVolumeFilesystem),
		Driver:     provisioner,
	}
}

// sources are the objects in which a policy is looked up.
type sources struct {
	PVC       map[string]string
	Backups   []snapshots.Backup
	Namespace map[string]string
	Newest    map[string]string // annotations of the volume's newest snapshot
}

func (s sources) policy() (snapshots.Policy, error) {
	taken := []snapshots.Snapshot{{Cut: now, Annotations: s.Newest}}
	return snapshots.Cluster{Namespace: s.Namespace, Backups: s.Backups}.PolicyOf(taken, s.PVC)
}

// ask returns a cluster that has these snapshots of the claim's volume, and the
// claim to decide about.
func (s sources) ask(claim snapshots.Claim, around snapshots.Around, all []snapshots.Snapshot) (snapshots.Cluster, snapshots.Claim) {
	claim.Annotations, claim.Around = s.PVC, around
	return snapshots.Cluster{Namespace: s.Namespace, Backups: s.Backups, Snapshots: map[string][]snapshots.Snapshot{claim.Volume.Hash(): all}}, claim
}

func (s sources) decide(claim snapshots.Claim, around snapshots.Around, all []snapshots.Snapshot, at time.Time) snapshots.Decision {
	cluster, claim := s.ask(claim, around, all)
	return cluster.Decide(claim, at)
}

func (s sources) explain(claim snapshots.Claim, around snapshots.Around, all []snapshots.Snapshot, at time.Time) []snapshots.Considered {
	cluster, claim := s.ask(claim, around, all)
	_, considered := cluster.Explain(claim, at)
	return considered
}

// selected returns the decision about a claim that has the policy in its own
// annotations.
func selected(claim snapshots.Claim, policy snapshots.Policy, around snapshots.Around, all []snapshots.Snapshot, at time.Time) snapshots.Decision {
	own := maps.Clone(policy)
	maps.DeleteFunc(own, func(_, value string) bool { return value == "" })
	return sources{PVC: own}.decide(claim, around, all, at)
}

// selectAll makes a KafkaBackup select every claim.
func selectAll(spec *v1alpha1.KafkaBackupSpec) { spec.VolumeSelector = &metav1.LabelSelector{} }
