package verify

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// MaxRestores is how many restores the status lists at most, as the CRD says.
const MaxRestores = 10

// newsFor is the greatest age of a claim whose restore counts as new when it is
// found bound. Without it, a new leader would announce all earlier restores.
const newsFor = time.Hour

// restores returns the history of restores, brought up to date, and the claims
// that are news: restored claims that are now bound for the first time.
func restores(before []v1alpha1.RestoreStatus, all []subject, now time.Time) (after []v1alpha1.RestoreStatus, news []subject) {
	after = slices.Clone(before)
	for _, s := range all {
		if snapshots.SourceOf(s.PVC) == "" || !s.optedIn {
			continue
		}
		i := slices.IndexFunc(after, func(r v1alpha1.RestoreStatus) bool {
			return r.PersistentVolumeClaim == s.PVC.Name && r.RequestedTime.Equal(&s.PVC.CreationTimestamp)
		})
		awaited := i >= 0
		if !awaited {
			after = append(after, s.restore())
			i = len(after) - 1
		}
		if after[i].BoundTime == nil && s.PVC.Status.Phase == corev1.ClaimBound && claims.MadeFor(s.pv, s.PVC) {
			after[i].BoundTime = &metav1.Time{Time: now.Truncate(time.Second)}
			if awaited || now.Sub(s.PVC.CreationTimestamp.Time) < newsFor {
				news = append(news, s)
			}
		}
	}
	slices.SortStableFunc(after, func(a, b v1alpha1.RestoreStatus) int {
		return cmp.Or(b.RequestedTime.Compare(a.RequestedTime.Time), cmp.Compare(a.PersistentVolumeClaim, b.PersistentVolumeClaim))
	})
	return after[:min(len(after), MaxRestores)], news
}

// unsettled makes a restore news again at the next reconciliation.
func unsettled(all []v1alpha1.RestoreStatus, s subject) {
	for i := range all {
		if all[i].PersistentVolumeClaim == s.PVC.Name && all[i].RequestedTime.Equal(&s.PVC.CreationTimestamp) {
			all[i].BoundTime = nil
		}
	}
}

func (s subject) restore() v1alpha1.RestoreStatus {
	r := v1alpha1.RestoreStatus{PersistentVolumeClaim: s.PVC.Name, VolumeSnapshot: snapshots.SourceOf(s.PVC), RequestedTime: s.PVC.CreationTimestamp}
	if t, err := time.Parse(time.RFC3339, s.PVC.Annotations[v1alpha1.AnnotationRestoredTime]); err == nil {
		r.ScheduledTime = &metav1.Time{Time: t}
	}
	return r
}
