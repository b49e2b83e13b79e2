package scheduler_test

import (
	"context"
	"fmt"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// annotation waits until an annotation of a snapshot has the value; empty: until
// it is not set.
func (f *fixture) annotation(snapshot, key, want string) {
	f.Helper()
	f.eventually(func(ctx context.Context) error {
		var vs snapshotv1.VolumeSnapshot
		err := f.client.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: snapshot}, &vs)
		if got := vs.Annotations[key]; err == nil && got != want {
			return fmt.Errorf("snapshot %s: %s is %q, want %q", snapshot, key, got, want)
		}
		return err
	})
}

// TestUnprovenLineage lets a volume come back empty. Its new snapshots must not
// cause the pruning of good ones, until a person promotes them.
func TestUnprovenLineage(t *testing.T) {
	m := &marked{fixture: newFixture(t)}
	lost := m.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	m.start()
	m.backup = m.fixture.backup(hourly().Spec(keepTwo))
	m.runs = append(m.runs, m.runNext(m.backup), m.runNext(m.backup))
	m.until(m.backup, "no condition", has("UnprovenLineage", ""))
	m.delete(lost)
	empty := m.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	for range 3 {
		m.runs = append(m.runs, m.runNext(m.backup))
	}
	m.until(m.backup, "the condition", has("UnprovenLineage", empty.Name))
	m.waitForEvent(m.backup, "LineageUnproven")
	m.mark(m.runs[2])
	m.minute()
	m.runsLeft(append(m.runs[:2:2], m.runs[3:]...))

	m.annotation(m.of(m.runs[4])[0].Name, v1alpha1.AnnotationProven, "false")
	m.annotate(empty, v1alpha1.AnnotationPromote, "true")
	m.annotation(m.of(m.runs[4])[0].Name, v1alpha1.AnnotationProven, "true")
	m.until(m.backup, "no condition", has("UnprovenLineage", ""))
	m.waitForEvent(m.backup, "LineagePromoted")
	m.mark(m.runs[0])
	m.minute()
	m.runsLeft(append(m.runs[1:2:2], m.runs[3:]...)) // the last of the superseded lineage stays
}
