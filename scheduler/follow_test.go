package scheduler

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

func TestFollowedIn(t *testing.T) {
	at := time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)
	restore := func(report *v1alpha1.RestoreReport) v1alpha1.RestoreStatus {
		return v1alpha1.RestoreStatus{RequestedTime: metav1.Time{Time: at}, Kafka: report}
	}
	after := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: at.Add(d)} }
	tests := map[string]struct {
		restores []v1alpha1.RestoreStatus
		want     followed
	}{
		"none":        {nil, followed{}},
		"not asked":   {[]v1alpha1.RestoreStatus{restore(nil)}, followed{}},
		"not in sync": {[]v1alpha1.RestoreStatus{restore(&v1alpha1.RestoreReport{})}, followed{known: true, away: 1}},
		"given up":    {[]v1alpha1.RestoreStatus{restore(&v1alpha1.RestoreReport{ReportedTime: after(time.Minute)})}, followed{known: true}},
		"in sync":     {[]v1alpha1.RestoreStatus{restore(&v1alpha1.RestoreReport{InSyncTime: after(time.Minute)})}, followed{known: true, took: 60, synced: true}},
		"two": {[]v1alpha1.RestoreStatus{
			restore(&v1alpha1.RestoreReport{InSyncTime: after(time.Minute), RecordsGone: ptr.To(int64(200))}),
			restore(&v1alpha1.RestoreReport{InSyncTime: after(time.Hour), RecordsGone: ptr.To(int64(30))}),
		}, followed{known: true, gone: 230, counted: true, took: 60, synced: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := followedIn(tt.restores); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}
