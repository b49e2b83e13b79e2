package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// checkDrills drills good snapshots of all nodes, the controller too, and torn ones:
// all are sound. A drill that does not fit into the namespace's quota fails. The
// namespace admits only restricted pods.
func checkDrills(ctx context.Context, w *world) error {
	k := w.kafka
	if err := k.produce(ctx, 1000); err != nil {
		return err
	}
	good, err := k.backUp(ctx)
	if err != nil {
		return err
	}
	if err := k.drillUntil(ctx, func(ctx context.Context) error { return k.sound(ctx, good, nodes...) }); err != nil {
		return err
	}
	if err := k.backupsProven(ctx, v1alpha1.ReasonProven); err != nil {
		return err
	}
	if err := k.drillsTold(ctx, good); err != nil {
		return err
	}
	if err := k.snapshotClass(ctx, tornClass); err != nil {
		return err
	}
	torn, err := k.backUp(ctx)
	if err != nil {
		return err
	}
	if err := k.snapshotClass(ctx, snapshotClass); err != nil {
		return err
	}
	if err := k.drillUntil(ctx, func(ctx context.Context) error { return k.sound(ctx, torn, nodes[0]) }); err != nil {
		return err
	}
	return k.drillUnderQuota(ctx, torn)
}

// checkDamagedLater damages a snapshot after it was taken: the drill finds that when it
// is the volume's turn, and the one before it is drilled at once. The claim of that volume, which is then lost,
// gets the older one.
func checkDamagedLater(ctx context.Context, w *world) error {
	k, lost := w.kafka, nodes[1]
	if err := k.produce(ctx, 1000); err != nil {
		return err
	}
	older, err := k.backUp(ctx)
	if err != nil {
		return err
	}
	if err := k.produceShared(ctx, 500); err != nil {
		return err
	}
	newest, err := k.backUp(ctx)
	if err != nil {
		return err
	}
	damaged, err := k.snapshotOf(ctx, newest, lost)
	if err != nil {
		return err
	}
	if err := k.damage(ctx, damaged.Name); err != nil {
		return err
	}
	drills := map[string]bool{}
	if err := k.drillUntil(ctx, func(ctx context.Context) error { return k.foundDamaged(ctx, newest, older, lost, drills) }); err != nil {
		return err
	}
	if len(drills) > len(nodes) {
		return fmt.Errorf("one turn has %d drills, these were needed to find the damage: %v", len(nodes), drills)
	}
	good, err := k.snapshotOf(ctx, older, lost)
	if err != nil {
		return err
	}
	if err := k.backupsProven(ctx, v1alpha1.ReasonSnapshotDamaged, damaged.Name, good.Name); err != nil {
		return err
	}
	return k.getsOlder(ctx, lost, damaged.Name, good.Name)
}

// getsOlder loses a node, which must get its good snapshot in place of the damaged
// one, and the rest from its peers.
func (k *kafkaCluster) getsOlder(ctx context.Context, lost node, damaged, good string) error {
	claims, err := k.lose(ctx, lost)
	if err != nil {
		return err
	}
	if err := k.back(ctx, claims); err != nil {
		return k.explained(err)
	}
	name, err := k.operator.claimOf(ctx, lost)
	if err != nil {
		return err
	}
	var claim corev1.PersistentVolumeClaim
	if err := k.Get(ctx, client.ObjectKey{Namespace: k.namespace, Name: name}, &claim); err != nil {
		return fmt.Errorf("read claim %s: %w", name, err)
	}
	if from := claim.Annotations[v1alpha1.AnnotationRestoredFrom]; from != good {
		return fmt.Errorf("claim %s is restored from %s, not from %s", name, from, good)
	}
	warned := k.warnings.about(damaged)
	if !slices.ContainsFunc(warned, func(text string) bool { return strings.Contains(text, "a restore drill found it damaged") }) {
		return fmt.Errorf("no warning says that snapshot %s is damaged: %q", damaged, warned)
	}
	return nil
}

// foundDamaged is an error until a node's newest snapshot is found damaged, and the
// older one sound by the drill that followed at once. It adds the drills of the newest
// run up to the one that found the damage, which it must see one by one: they take
// seconds.
func (k *kafkaCluster) foundDamaged(ctx context.Context, newest, older string, lost node, drills map[string]bool) error {
	damaged, err := k.verdict(ctx, newest, lost)
	if err != nil {
		for _, n := range nodes {
			if report, err := k.verdict(ctx, newest, n); err == nil {
				drills[report.Volume+" "+report.DueTime.String()] = true
			}
		}
		return err
	}
	drills[damaged.Volume+" "+damaged.DueTime.String()] = true
	if damaged.Result != v1alpha1.DrillDamaged || damaged.Message == "" {
		return fmt.Errorf("a damaged snapshot is found %s: %+v", damaged.Result, damaged)
	}
	next, err := k.verdict(ctx, older, lost)
	if err == nil && (next.Result != v1alpha1.DrillSound || !next.DueTime.Equal(&damaged.DueTime)) {
		err = fmt.Errorf("the drill that follows at once is due when the first is, and sound: %+v, after %+v", next, damaged)
	}
	return err
}

// sound is an error until snapshots of a run are found sound, with records.
func (k *kafkaCluster) sound(ctx context.Context, run string, of ...node) error {
	for _, n := range of {
		report, err := k.verdict(ctx, run, n)
		if err != nil {
			return err
		}
		if report.Result != v1alpha1.DrillSound || report.Partitions == 0 || report.Records == 0 {
			return fmt.Errorf("a sound snapshot with records is found so: %+v", report)
		}
	}
	return nil
}

// drillUnderQuota drills in a namespace with a ResourceQuota that is too small.
func (k *kafkaCluster) drillUnderQuota(ctx context.Context, run string) error {
	const text = "a claim of 1Gi was refused"
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: "small"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceRequestsStorage: resource.MustParse("1Gi")}}}
	if err := k.Create(ctx, quota); err != nil {
		return fmt.Errorf("create ResourceQuota %s: %w", quota.Name, err)
	}
	if err := eventually(ctx, func(ctx context.Context) error {
		err := k.Get(ctx, client.ObjectKeyFromObject(quota), quota)
		if err == nil && len(quota.Status.Used) == 0 {
			err = fmt.Errorf("ResourceQuota %s is not in force", quota.Name)
		}
		return err
	}); err != nil {
		return err
	}
	if err := k.drillUntil(ctx, func(ctx context.Context) error { return k.failed(ctx, run, text, "exceeded quota: small") }); err != nil {
		return err
	}
	if err := k.backupsProven(ctx, v1alpha1.ReasonDrillFailed, text); err != nil {
		return err
	}
	if err := k.Delete(ctx, quota); err != nil {
		return fmt.Errorf("delete ResourceQuota %s: %w", quota.Name, err)
	}
	return nil
}

// failed is an error until the drill of any node's snapshot has failed, with these
// texts.
func (k *kafkaCluster) failed(ctx context.Context, run string, texts ...string) error {
	for _, n := range nodes {
		s, err := k.snapshotOf(ctx, run, n)
		if err != nil {
			return err
		}
		if report, ok := s.FailedDrill(); ok {
			return contains(report.Message, texts...)
		}
	}
	return fmt.Errorf("no drill of run %s has failed", run)
}

// drillsTold is an error unless the plugin has the report of each node, with the times
// in their order.
func (k *kafkaCluster) drillsTold(ctx context.Context, run string) error {
	out, err := k.plugin(ctx, "drills", kafkaName, "-o", "json")
	if err != nil {
		return err
	}
	var printed struct{ Drills []inventory.Drill }
	if err := json.Unmarshal([]byte(out), &printed); err != nil {
		return fmt.Errorf("read what the plugin prints: %w", err)
	}
	told := map[string]bool{}
	for _, d := range printed.Drills {
		if snapshots.FormatRun(d.RunTime.Time) != run || d.Result != v1alpha1.DrillSound {
			continue
		}
		told[d.Broker] = true
		if d.BoundTime == nil || d.MountedTime == nil || d.DueTime.After(d.StartedTime.Time) || d.BoundTime.Before(&d.StartedTime) ||
			d.MountedTime.Before(d.BoundTime) || d.FinishedTime.Before(d.MountedTime) {
			return fmt.Errorf("due, started, bound, mounted, finished: %+v", d)
		}
	}
	if len(told) != len(nodes) {
		return fmt.Errorf("the plugin has drills of %d of %d nodes:\n%s", len(told), len(nodes), out)
	}
	return nil
}
