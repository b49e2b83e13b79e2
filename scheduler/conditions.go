package scheduler

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// readiness is the Ready condition. It names the most serious problem that
// keeps the cluster from being backed up, and what to do about it.
func readiness(kb *v1alpha1.KafkaBackup, seen view, state job, mistake *specError) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse}
	last, stuck := state.last, ""
	if run := kb.Status.LastRun; run != nil {
		stuck = stuckVolumes(seen, last, state, run.ScheduledTime.Time)
	}
	switch failure, throttled := failedSnapshot(seen.own), throttledSnapshot(seen.own); {
	case mistake != nil:
		c.Reason, c.Message = mistake.reason, mistake.Error()
	case kb.Spec.Suspend:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonSuspended, "No runs are started while spec.suspend is true"
	case len(seen.claims) == 0:
		c.Reason, c.Message = v1alpha1.ReasonNoVolumes, fmt.Sprintf(
			"No PersistentVolumeClaim in namespace %s is known as a volume of Kafka cluster %q: check spec.clusterRef, or set spec.volumeSelector", kb.Namespace, kb.Spec.ClusterRef)
	case last != nil && len(last.Failed) > 0:
		c.Reason, c.Message = v1alpha1.ReasonSnapshotFailed, fmt.Sprintf("%d of %d snapshots could not be created, the next run tries again: %s", len(last.Failed), last.Volumes, last.failures())
	case failure != "":
		c.Reason, c.Message = v1alpha1.ReasonSnapshotFailed, failure
	case throttled != "":
		c.Reason, c.Message = v1alpha1.ReasonThrottled, fmt.Sprintf("The storage throttles snapshots of VolumeSnapshotClass %s, so that fewer are created at once for now. %s. VolumeSnapshot %s",
			kb.Spec.VolumeSnapshotClassName, remedies(kb.Spec.VolumeSnapshotClassName), throttled)
	case stuck != "":
		c.Reason, c.Message = v1alpha1.ReasonVolumeStuck, "Three runs in a row have no snapshot of a volume: look at what the VolumeSnapshot and its driver say, and delete the VolumeSnapshot if the driver has lost it: "+stuck
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonScheduled, fmt.Sprintf("Snapshots of %d volumes are taken on schedule", len(seen.included))
		if err := checkAnnotations(seen); err != nil {
			c.Status, c.Reason, c.Message = metav1.ConditionFalse, string(v1alpha1.ReasonInvalidAnnotation), err.Error()
		}
	}
	return c
}

// failedSnapshot is a text about one snapshot that the driver failed to take;
// empty: there is none. The snapshot controller may still try it again.
func failedSnapshot(own []snapshots.Snapshot) string {
	failing := lastFailing(own, false)
	if failing.Name == "" {
		return ""
	}
	return fmt.Sprintf("VolumeSnapshot %s is not ready, its volume is skipped until it is, or is deleted: %s", failing.Name, failing.Failure)
}

// throttledSnapshot is a text about one snapshot that the storage has put off because
// too much was asked of it; empty: there is none.
func throttledSnapshot(own []snapshots.Snapshot) string {
	failing := lastFailing(own, true)
	if failing.Name == "" {
		return ""
	}
	return fmt.Sprintf("%s is tried again by its driver: %s", failing.Name, failing.Failure)
}

// lastFailing is the last by name of the snapshots that the driver fails to take,
// because of throttling or for another reason.
func lastFailing(own []snapshots.Snapshot, throttled bool) *snapshots.Snapshot {
	failing := &snapshots.Snapshot{}
	for i := range own {
		if s := &own[i]; !s.Ready && !s.Deleting && s.Failure != "" && cmp.Compare(s.Name, failing.Name) > 0 && s.Throttled() == throttled {
			failing = s
		}
	}
	return failing
}

// checkAnnotations returns an error if the webhook would refuse a claim because
// of the value of an annotation.
func checkAnnotations(seen view) error {
	for _, c := range seen.claims {
		if _, err := seen.policies.Of(c); err != nil {
			return fmt.Errorf("claim %s: %w", c.PVC.Name, err)
		}
	}
	return nil
}

// unready is the Ready condition of a KafkaBackup with such a mistake.
func unready(mistake *specError) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: mistake.reason, Message: mistake.Error()}
}

func setReady(kb *v1alpha1.KafkaBackup, c metav1.Condition) {
	c.ObservedGeneration = kb.Generation
	meta.SetStatusCondition(&kb.Status.Conditions, c)
}
