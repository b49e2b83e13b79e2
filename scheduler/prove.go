package scheduler

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/proof"
	"github.com/snapback-dev/snapback/snapshots"
)

// prove brings the reports of drills in the status and the condition BackupsProven
// in line with what stands on the snapshots. before is the status of the last look.
func (r *Reconciler) prove(ctx context.Context, before v1alpha1.KafkaBackupStatus, kb *v1alpha1.KafkaBackup, seen view, good map[string]snapshots.Snapshot) {
	now := r.Clock.Now()
	reports := snapshots.DrillReports(seen.own, kb.Status.Drills, now)
	kb.Status.Drills = proof.Keep(reports)
	volumes := r.drilled(ctx, kb, seen, good)
	condition := proof.Condition(proof.Seen{
		KafkaBackup: kb, Reports: reports, Volumes: volumes, Installed: r.Drills, Resumed: resumed(before, kb, seen),
	}, now)
	setProven(kb, condition)
	if condition == nil { // nobody wants to know
		volumes = nil
	}
	r.figures.observeDrills(client.ObjectKeyFromObject(kb), reports, volumes)
}

// setProven sets the condition with its own transition time, or removes it.
func setProven(kb *v1alpha1.KafkaBackup, c *metav1.Condition) {
	before := meta.FindStatusCondition(kb.Status.Conditions, v1alpha1.ConditionBackupsProven)
	switch {
	case c == nil:
		meta.RemoveStatusCondition(&kb.Status.Conditions, v1alpha1.ConditionBackupsProven)
	case before == nil:
		kb.Status.Conditions = append(kb.Status.Conditions, *c)
	default:
		*before = *c
	}
}

// resumed reports whether there is something to drill again since the last look.
func resumed(before v1alpha1.KafkaBackupStatus, kb *v1alpha1.KafkaBackup, seen view) bool {
	ready := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionReady)
	suspended := ready != nil && ready.Reason == v1alpha1.ReasonSuspended
	return suspended && !kb.Spec.Suspend || before.Snapshots == 0 && len(seen.own) > 0
}

// drilled returns the volumes that drills should prove, by slot: those of the claims
// that runs include, and those that have lost their claims since the last run.
func (r *Reconciler) drilled(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view, good map[string]snapshots.Snapshot) []proof.Volume {
	own := seen.volumes
	var volumes []proof.Volume
	known := map[string]bool{}
	for _, c := range seen.claims {
		hash := c.Volume.Hash()
		if known[hash] {
			continue
		}
		known[hash] = true
		if !seen.included[hash] || !snapshots.CanDrill(r.role(ctx, seen.backup, c), ptr.Deref(c.PVC.Spec.VolumeMode, "")) {
			continue
		}
		v := proof.Volume{Slot: c.Volume.Slot, Own: own[hash]}
		if s, ok := good[hash]; ok {
			v.Good = &s
		}
		volumes = append(volumes, v)
	}
	for hash, taken := range own {
		if known[hash] || kb.Status.LastRun == nil {
			continue
		}
		if v, ok := lostVolume(kb.Namespace, taken, kb.Status.LastRun.ScheduledTime.Time); ok {
			volumes = append(volumes, v)
		}
	}
	slices.SortFunc(volumes, proof.BySlot)
	return volumes
}

// lostVolume returns a volume that has only snapshots; false if it had no claim in the
// last run either, or cannot be drilled.
func lostVolume(namespace string, taken []snapshots.Snapshot, lastRun time.Time) (proof.Volume, bool) {
	newest := slices.MaxFunc(taken, func(a, b snapshots.Snapshot) int { return a.Scheduled.Compare(b.Scheduled) })
	of, ok := snapshots.VolumeOf(namespace, newest)
	if !ok || !snapshots.CanDrill(newest.Role, newest.VolumeMode) || newest.Scheduled.Before(lastRun) {
		return proof.Volume{}, false
	}
	v := proof.Volume{Slot: of.Slot, Own: taken}
	if s, ok := (snapshots.Cluster{Snapshots: map[string][]snapshots.Snapshot{of.Hash(): taken}}).Good(of, nil); ok {
		v.Good = &s
	}
	return v, true
}
