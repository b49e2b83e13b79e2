package drill

import (
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// noon is when the KafkaBackups of the tests were created.
var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func after(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }

// askerFor returns a KafkaBackup that asks for drills.
func askerFor(t *testing.T, name, times string) asker {
	t.Helper()
	parsed, err := schedule.Parse(times, "", noon)
	if err != nil {
		t.Fatal(err)
	}
	return asker{
		Backup: snapshots.Backup{Namespace: "kafka", Name: name, UID: "uid-of-backup", Cluster: "events"},
		spec:   v1alpha1.DrillSpec{Schedule: times}, times: parsed, created: noon,
	}
}

func snapshotOf(t *testing.T, vs *snapshotv1.VolumeSnapshot) snapshots.Snapshot {
	t.Helper()
	s, err := snapshots.NewSnapshot(vs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// taken returns the snapshot of a broker that was taken so many hours after noon.
func taken(broker, hours int) *snapshotstest.Snapshot {
	claim := snapshotstest.StrimziClaim("events", "broker", broker, 0).Class("fast").Request("10Gi")
	return snapshotstest.NewSnapshot(claim, snapshotstest.NewBackup("hourly", "events", "class"), "driver", after(hours)).Ready()
}

func report(result v1alpha1.DrillResult, vs *snapshotstest.Snapshot, due, finished int) v1alpha1.DrillReport {
	return v1alpha1.DrillReport{
		Result: result, Volume: vs.Obj().Annotations[v1alpha1.AnnotationSlot], VolumeSnapshot: vs.Obj().Name,
		DueTime: metav1.NewTime(after(due)), FinishedTime: metav1.NewTime(after(finished)),
	}
}
