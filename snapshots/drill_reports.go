package snapshots

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// CanDrill reports whether a drill can read a volume of this role and mode, empty for
// a file system: it must hold log dirs of Kafka. Data of ZooKeeper and raw block
// devices are none.
func CanDrill(role Role, mode corev1.PersistentVolumeMode) bool {
	return role != RoleZooKeeper && mode != corev1.PersistentVolumeBlock
}

// clockAhead is how far the clock of the process that drills may be ahead.
const clockAhead = time.Minute

// DrillReports returns the reports on the snapshots and the known ones, each once,
// the newest first. Tenants can write both, so that what cannot be true is left out.
// A report on a snapshot says of which snapshot, run and volume it is as the
// snapshot itself does.
func DrillReports(of []Snapshot, known []v1alpha1.DrillReport, now time.Time) []v1alpha1.DrillReport {
	var found []v1alpha1.DrillReport
	for i := range of {
		s := &of[i]
		if s.plain { // as most are
			continue
		}
		if r, ok := s.Verdict(); ok && r.Result != v1alpha1.DrillFailed {
			found = append(found, s.sign(r))
		}
		if r, ok := s.FailedDrill(); ok && r.Result == v1alpha1.DrillFailed {
			found = append(found, s.sign(r))
		}
	}
	return PlausibleDrills(append(found, known...), now)
}

func (s *Snapshot) sign(r v1alpha1.DrillReport) v1alpha1.DrillReport {
	r.VolumeSnapshot, r.Volume, r.Broker, r.RunTime = s.Name, s.Annotations[v1alpha1.AnnotationSlot], s.Node, metav1.Time{Time: s.Scheduled}
	return r
}

// PlausibleDrills returns the reports that can be true, each once, the newest first.
// Of two about the same drill the first counts. Texts are cut.
func PlausibleDrills(all []v1alpha1.DrillReport, now time.Time) []v1alpha1.DrillReport {
	type key struct {
		snapshot string
		started  int64
	}
	var kept []v1alpha1.DrillReport
	seen := map[key]bool{}
	for _, r := range all {
		r, ok := plausibleDrill(*r.DeepCopy(), now)
		k := key{r.VolumeSnapshot, r.StartedTime.Unix()}
		if ok && !seen[k] {
			seen[k] = true
			kept = append(kept, r)
		}
	}
	slices.SortStableFunc(kept, func(a, b v1alpha1.DrillReport) int {
		return cmp.Or(b.FinishedTime.Compare(a.FinishedTime.Time), b.StartedTime.Compare(a.StartedTime.Time), cmp.Compare(a.VolumeSnapshot, b.VolumeSnapshot))
	})
	return kept
}

// plausibleDrill returns a report without values that cannot be true; false: the
// report itself cannot be.
func plausibleDrill(r v1alpha1.DrillReport, now time.Time) (v1alpha1.DrillReport, bool) {
	if r.Result != v1alpha1.DrillSound && r.Result != v1alpha1.DrillDamaged && r.Result != v1alpha1.DrillFailed {
		return r, false
	}
	for _, t := range []metav1.Time{r.RunTime, r.DueTime, r.StartedTime, r.FinishedTime} {
		if t.IsZero() || t.Sub(now) > clockAhead { // the CRD demands that there are all of them
			return r, false
		}
	}
	if r.VolumeSnapshot == "" || r.FinishedTime.Before(&r.StartedTime) {
		return r, false
	}
	for _, t := range []**metav1.Time{&r.BoundTime, &r.MountedTime} {
		if *t != nil && ((*t).Before(&r.StartedTime) || r.FinishedTime.Before(*t)) {
			*t = nil
		}
	}
	r.Partitions, r.Records, r.Bytes = max(r.Partitions, 0), max(r.Records, 0), max(r.Bytes, 0)
	r.Volume, r.Broker, r.VolumeSnapshot = cut(r.Volume, maxName), cut(r.Broker, maxName), cut(r.VolumeSnapshot, maxName)
	r.Message = cut(r.Message, maxError)
	return r, true
}
