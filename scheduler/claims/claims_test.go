package claims_test

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestPendingSources(t *testing.T) {
	claim := func(source string, phase corev1.PersistentVolumeClaimPhase, drill bool) corev1.PersistentVolumeClaim {
		pvc := *snapshotstest.PlainClaim("of-" + source).From(source).Obj()
		if pvc.Status.Phase = phase; drill {
			pvc.Labels = map[string]string{v1alpha1.LabelDrill: "events"}
		}
		return pvc
	}
	got := claims.PendingSources([]corev1.PersistentVolumeClaim{
		claim("pending", corev1.ClaimPending, false), claim("bound", corev1.ClaimBound, false),
		claim("drill-pending", corev1.ClaimPending, true), claim("drill-bound", corev1.ClaimBound, true),
	})
	for source, want := range map[string]bool{"pending": true, "bound": false, "drill-pending": true, "drill-bound": true} {
		if got[source] != want {
			t.Errorf("%s: %v, want %v", source, got[source], want)
		}
	}
}

// TestLineageChangesNoClaim judges a claim that is filled from a snapshot, but whose volume
// is another one. The claim is the cache's: nobody may change it.
func TestLineageChangesNoClaim(t *testing.T) {
	pvc := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("claim").From("snapshot").Obj()
	pvc.UID = "claim"
	before := pvc.DeepCopy()
	source := snapshots.Snapshot{Name: "snapshot", Lineage: snapshots.Lineage{ID: "first", Proven: true}}
	got := claims.Claim{PVC: pvc}.Lineage(&corev1.PersistentVolume{}, []snapshots.Snapshot{source}, time.Hour, pvc.CreationTimestamp.Time)
	if got.ID == "first" || got.Proven {
		t.Errorf("it continues the lineage of a snapshot that its volume was not made from: %+v", got)
	}
	if !reflect.DeepEqual(pvc, before) {
		t.Errorf("the claim was changed: %+v", pvc.Spec)
	}
}
