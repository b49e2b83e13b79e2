package scheduler_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestStorageTakesTwoAtOnce has a class that allows two snapshots under way, a cluster
// of two volumes and one of three. The storage does not cut them; the test does.
func TestStorageTakesTwoAtOnce(t *testing.T) {
	f := newFixture(t)
	for cluster, n := range map[string]int{"two": 2, "three": 3} {
		for i := range n {
			f.claim(snapshotstest.KoperatorClaim(cluster, i, "/kafka-logs"))
		}
	}
	class := f.snapshotClass(map[string]string{"cutAfter": "10h"}, v1alpha1.AnnotationMaxInFlight, "2")
	f.start()
	first := f.clock.Now().Add(10 * time.Minute).Minute()
	two := f.backup(snapshotstest.NewBackup("two", "two", class).Schedule(fmt.Sprintf("%d * * * *", first)))
	three := f.backup(snapshotstest.NewBackup("three", "three", class).Schedule(fmt.Sprintf("%d * * * *", (first+1)%60)))
	at := f.scheduled(two)
	f.scheduled(three)
	f.clock.Advance(at.Sub(f.clock.Now()))
	f.made(2, 2)
	f.clock.Advance(time.Minute) // to the run of the other
	f.eventually(func(context.Context) error {
		f.clock.Advance(time.Second) // it may not have asked for its turn yet
		f.lookAgain(three)
		var got v1alpha1.KafkaBackup
		if err := f.client.Get(f.Context(), client.ObjectKeyFromObject(three), &got); err != nil {
			return err
		}
		if c := ready(got.Status); c.Reason != "WaitingForTurn" {
			return fmt.Errorf("it does not wait for its turn: %+v", c)
		}
		return nil
	})
	f.cutOne()
	f.made(2, 1) // a whole cluster, or none of it
	f.cutOne()
	f.made(4, 2)
	f.cutOne()
	f.made(5, 2)
}

// made waits until so many snapshots are there, and so many of them not cut.
func (f *fixture) made(n, uncut int) {
	f.Helper()
	f.eventually(func(context.Context) error {
		all := f.snapshots()
		left := slices.DeleteFunc(slices.Clone(all), func(vs snapshotv1.VolumeSnapshot) bool { return vs.Status != nil && vs.Status.CreationTime != nil })
		if len(left) > 2 {
			f.Fatalf("%d snapshots are under way at a storage that takes 2", len(left))
		}
		if len(all) != n || len(left) != uncut {
			return fmt.Errorf("%d snapshots and %d under way, %d and %d expected", len(all), len(left), n, uncut)
		}
		return nil
	})
}

// cutOne sets the status of a snapshot as its driver would.
func (f *fixture) cutOne() {
	f.Helper()
	f.eventually(func(ctx context.Context) error {
		for _, vs := range f.snapshots() {
			if vs.Status != nil && vs.Status.CreationTime != nil {
				continue
			}
			if vs.Status == nil {
				vs.Status = &snapshotv1.VolumeSnapshotStatus{}
			}
			vs.Status.CreationTime = &metav1.Time{Time: f.clock.Now()}
			return f.client.Status().Update(ctx, &vs)
		}
		return fmt.Errorf("no snapshot is under way")
	})
}
