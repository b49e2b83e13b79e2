package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/doctor"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
)

// drilled writes the report of a drill that has just ended on a snapshot.
func drilled(t *testing.T, c client.Client, vs *snapshotv1.VolumeSnapshot, annotation string, r v1alpha1.DrillReport) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	mounted := metav1.Time{Time: now.Add(-30 * time.Second)}
	r.VolumeSnapshot, r.RunTime, r.DueTime = vs.Name, metav1.Time{Time: now}, metav1.Time{Time: now.Add(-91 * time.Second)}
	r.StartedTime, r.FinishedTime = metav1.Time{Time: now.Add(-90 * time.Second)}, metav1.Time{Time: now}
	if r.Result != v1alpha1.DrillFailed {
		r.MountedTime = &mounted
	}
	value, err := snapshots.WriteReport(r)
	if err != nil {
		t.Fatal(err)
	}
	before := vs.DeepCopy()
	metav1.SetMetaDataAnnotation(&vs.ObjectMeta, annotation, value)
	if err := c.Patch(t.Context(), vs, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// TestPluginDrills reads what drills have written on snapshots, and what is left of
// one whose snapshot is gone. No component drills here, which is said.
func TestPluginDrills(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	for n := range 3 {
		create(t, c, member(ns, n))
		boundDir(t, member(ns, n))
	}
	if p := kubectlSnapback(t, ns, "create", "b", "--cluster", "kafka", "--snapshot-class", cluster.SnapshotClass, "--schedule", never, "--restore", "latest", "--drill", "@daily", "--drill-timeout", "30m"); p.code != 0 {
		t.Fatal(p.err)
	}
	if p := kubectlSnapback(t, ns, "drills"); p.code != 0 || p.out != "" || p.err != "No restore drill of Kafka cluster "+ns+"/kafka is known.\n" {
		t.Errorf("before the first one: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	if p := kubectlSnapback(t, ns, "run", "b"); p.code != 0 {
		t.Fatal(p.err)
	}
	var taken []*snapshotv1.VolumeSnapshot
	for n := range 3 {
		vs := &snapshotv1.VolumeSnapshot{}
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: waitForSnapshotOf(t, c, ns, member(ns, n).Name)}, vs); err != nil {
			t.Fatal(err)
		}
		taken = append(taken, vs)
	}
	drilled(t, c, taken[0], v1alpha1.AnnotationVerified, v1alpha1.DrillReport{Result: v1alpha1.DrillSound, Partitions: 1200, Records: 48211, Bytes: 9_000_000})
	drilled(t, c, taken[1], v1alpha1.AnnotationVerified, v1alpha1.DrillReport{Result: v1alpha1.DrillDamaged, Partitions: 3, Records: 40, Message: "orders-0: segment 00.log ends early"})
	drilled(t, c, taken[2], v1alpha1.AnnotationDrillFailed, v1alpha1.DrillReport{Result: v1alpha1.DrillFailed, Message: "the claim does not fit into ResourceQuota q"})
	eventually(t, func(ctx context.Context) error {
		kb := &v1alpha1.KafkaBackup{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: ns, Name: "b"}, kb); err != nil {
			return err
		}
		if len(kb.Status.Drills) != 3 {
			return fmt.Errorf("the status has %d drills", len(kb.Status.Drills))
		}
		return nil
	})
	if err := c.Delete(t.Context(), taken[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(taken[0]), &snapshotv1.VolumeSnapshot{}); client.IgnoreNotFound(err) != nil || err == nil {
			return fmt.Errorf("the snapshot is still there: %w", err)
		}
		return nil
	})
	var printed struct{ Drills []inventory.Drill }
	if err := json.Unmarshal([]byte(kubectlSnapback(t, ns, "drills", "kafka", "-o", "json").out), &printed); err != nil || len(printed.Drills) != 3 {
		t.Fatalf("-o json: %+v, %v", printed, err)
	}
	for _, d := range printed.Drills {
		if d.KafkaBackup != "b" || d.DurationSeconds != 90 || (d.RestoreSeconds == 60) != (d.Result != v1alpha1.DrillFailed) || d.Volume == "" || d.Broker == "" {
			t.Errorf("-o json has %+v", d)
		}
	}
	p := kubectlSnapback(t, ns, "drills", "kafka", "-o", "wide")
	for _, says := range []string{"orders-0: segment 00.log ends early", "the claim does not fit into ResourceQuota q", "1,200", "48,211", taken[0].Name} {
		if p.code != 0 || !strings.Contains(p.out, says) {
			t.Errorf("-o wide: exit code %d, does not say %q:\n%s", p.code, says, p.out)
		}
	}
	golden(t, "drills", sortedRows(p.out), ns, "NAMESPACE")
	if p := kubectlSnapback(t, ns, "snapshots", "-o", "wide"); !strings.Contains(p.out, "Damaged") || strings.Contains(p.out, "Sound") {
		t.Errorf("snapshots:\n%s", p.out)
	}
	if p := kubectlSnapback(t, ns, "status"); !strings.Contains(p.out, "Restore drills of KafkaBackup b: see the problem DrillsNotInstalled (a snapshot was last found sound ") {
		t.Errorf("status:\n%s", p.out)
	}
	wantFinding(t, findings(t, ns), "drills", doctor.Problem, "Deployment snapback-system/snapback-drills: it does not exist, so that no restore drill is made")
	kubectlSnapback(t, ns, "drills", "other").fails(t, `namespace `+ns+` has no Kafka cluster "other", it has: kafka`)
	kubectlSnapback(t, ns, "create", "c", "--cluster", "kafka", "--snapshot-class", "c", "--schedule", never, "--drill-timeout", "1h").fails(t, "--drill-timeout: say with --drill when drills are due")
}

// sortedRows sorts the rows below the head of a table: drills that end in the same
// second have no order.
func sortedRows(table string) string {
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n") + "\n"
}
