package drill

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/marks"
	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
)

// action of the Events on a KafkaBackup: what was being done.
const action = "Drill"

// tell writes the report of a drill to its snapshot, and says so in an Event. The
// report is the only trace of the drill, so it comes before anything is deleted. It
// reports false if the snapshot has changed since it was read: the next look finds the
// same end of the drill.
func (r *Reconciler) tell(ctx context.Context, a asker, s snapshots.Snapshot, report v1alpha1.DrillReport) (told bool, err error) {
	value, err := snapshots.WriteReport(report)
	if err != nil {
		return false, err
	}
	set := map[string]any{v1alpha1.AnnotationDrillFailed: value}
	if report.Result != v1alpha1.DrillFailed {
		set = map[string]any{v1alpha1.AnnotationVerified: value, v1alpha1.AnnotationDrillFailed: nil}
	}
	if err := marks.Set(ctx, r.Client, a.Namespace, s, set); err != nil {
		return false, marks.IgnoreStale(err)
	}
	log.FromContext(ctx).Info("a drill has ended", "snapshot", s.Name, "result", report.Result, "message", report.Message)
	kind, reason, text := eventOf(report)
	r.event(a, kind, reason, text)
	return true, nil
}

func eventOf(report v1alpha1.DrillReport) (kind, reason, text string) {
	of := fmt.Sprintf("VolumeSnapshot %s of volume %s", report.VolumeSnapshot, report.Volume)
	switch report.Result {
	case v1alpha1.DrillSound:
		return corev1.EventTypeNormal, v1alpha1.EventDrillSound,
			fmt.Sprintf("%s is sound: %d records in %d partitions were read", of, report.Records, report.Partitions)
	case v1alpha1.DrillDamaged:
		return corev1.EventTypeWarning, v1alpha1.ReasonSnapshotDamaged, fmt.Sprintf("%s is damaged: %s", of, report.Message)
	}
	return corev1.EventTypeWarning, v1alpha1.ReasonDrillFailed, fmt.Sprintf("The drill of %s failed: %s", of, report.Message)
}

func (r *Reconciler) event(a asker, kind, reason, text string) {
	const most = 1000 // the apiserver refuses an Event with a longer note
	r.Recorder.Eventf(a.Object(), nil, kind, reason, action, "%s", texts.FirstBytes(text, most))
}
