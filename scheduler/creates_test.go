package scheduler

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	snapbackapi "github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/turns"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestCreatesOfAllRuns has many runs create at once, while the apiserver does not
// answer.
func TestCreatesOfAllRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		answer := make(chan struct{})
		c := fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
			Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
				asked.Add(1)
				<-answer
				return nil
			}}).Build()
		clock := clockwork.NewFakeClockAt(ten)
		r := &Reconciler{watched: knowing(), Client: c, APIReader: c, Clock: clock}
		claim := claims.Claim{PVC: snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker").Obj()}
		var all sync.WaitGroup
		create := func(ctx context.Context, backup string, ends time.Time) <-chan error {
			b := snapshots.Backup{Namespace: snapshotstest.Namespace, Name: backup, Cluster: "kafka", Class: "class"}
			turn, err := r.turns.Wait(ctx, clock, turns.Run{Backup: b.Key(), Class: "class", Scheduled: ten, Ends: ends})
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			all.Go(func() {
				result := Result{Scheduled: ten, Skipped: map[string]string{}, Failed: map[string]error{}}
				r.take(ctx, b, snapshots.Cluster{}, []task{{Claim: claim, pv: &corev1.PersistentVolume{}}}, turn, &result)
				ended <- result.Failed[claim.PVC.Name]
			})
			return ended
		}
		for range 3 * allCreates {
			create(t.Context(), "hourly", time.Time{})
		}
		synctest.Wait()
		ctx, withdraw := context.WithCancel(t.Context())
		withdrawn, late, deleted := create(ctx, "hourly", time.Time{}), create(t.Context(), "hourly", ten.Add(time.Hour)), create(t.Context(), "deleted", time.Time{})
		synctest.Wait()
		withdraw()
		if err := <-withdrawn; !errors.Is(err, context.Canceled) {
			t.Errorf("one that is withdrawn: %v", err)
		}
		clock.Advance(time.Hour)
		if err := <-late; !errors.Is(err, turns.ErrOver) || passing(err) {
			t.Errorf("one that has no room until its next run is due: %v", err)
		}
		if asked.Load() != allCreates {
			t.Errorf("%d creates are under way, %d expected", asked.Load(), allCreates)
		}
		r.turns.Changed(types.NamespacedName{Namespace: snapshotstest.Namespace, Name: "deleted"}, "")
		close(answer)
		all.Wait()
		if err := <-deleted; !errors.Is(err, turns.ErrGone) {
			t.Errorf("one whose KafkaBackup was deleted while it waited: %v", err)
		}
		if asked.Load() != 3*allCreates || !r.creates.slots.TryAcquire(allCreates) {
			t.Errorf("%d creates were asked for, %d expected, or not all have ended", asked.Load(), 3*allCreates)
		}
	})
}
