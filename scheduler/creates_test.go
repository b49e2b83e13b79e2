package scheduler

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	snapbackapi "github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/scheduler/claims"
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
		r := &Reconciler{watched: knowing(), Client: c, Clock: clockwork.NewFakeClockAt(ten)}
		claim := claims.Claim{PVC: snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker").Obj()}
		b := snapshots.Backup{Namespace: snapshotstest.Namespace, Name: "hourly", Cluster: "kafka", Class: "class"}
		withdrawn, withdraw := context.WithCancel(t.Context())
		var failed atomic.Int32
		var all sync.WaitGroup
		create := func(ctx context.Context) {
			all.Go(func() {
				if _, _, err := r.create(ctx, task{Claim: claim, pv: &corev1.PersistentVolume{}}, b, snapshots.Cluster{}, ten); err != nil {
					failed.Add(1)
				}
			})
		}
		for range 3 * allCreates {
			create(t.Context())
		}
		synctest.Wait()
		create(withdrawn)
		withdraw()
		synctest.Wait()
		if asked.Load() != allCreates || failed.Load() != 1 {
			t.Errorf("%d creates are under way and %d have failed, %d and 1 expected", asked.Load(), failed.Load(), allCreates)
		}
		close(answer)
		all.Wait()
		if asked.Load() != 3*allCreates || failed.Load() != 1 {
			t.Errorf("%d creates were asked for and %d have failed, %d and 1 expected", asked.Load(), failed.Load(), 3*allCreates)
		}
	})
}
