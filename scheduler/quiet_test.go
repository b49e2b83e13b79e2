package scheduler

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/jonboulle/clockwork"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	snapbackapi "github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// unreachable is a client of an apiserver that does not answer.
func unreachable() client.Client {
	return fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("the apiserver does not answer")
		}}).Build()
}

// TestUnreadableRoleIsLoggedOnce has a Kafka of a hundred brokers that cannot be read, and looks
// that ask for the role of each claim: the log says so once while the answer is kept.
func TestUnreadableRoleIsLoggedOnce(t *testing.T) {
	t.Parallel()
	strimzi := schema.GroupVersion{Group: "kafka.strimzi.io", Version: "v1"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{strimzi})
	mapper.Add(strimzi.WithKind("Kafka"), meta.RESTScopeNamespace)
	clock := clockwork.NewFakeClockAt(ten)
	r := &Reconciler{APIReader: unreachable(), Mapper: mapper, Clock: clock}
	said := 0
	ctx := log.IntoContext(t.Context(), funcr.New(func(string, string) { said++ }, funcr.Options{}))
	b, _ := snapshots.NewBackup(snapshotstest.NewBackup("hourly", "my-cluster", "class").Obj())
	for minute := 1; minute <= 2; minute++ {
		for n := range 200 {
			pvc := snapshotstest.StrimziClaim("my-cluster", "broker", n%100, 0).Named(fmt.Sprint("data-", n%100)).Obj()
			v, _ := snapshots.Identify(pvc.Namespace, pvc, nil)
			r.complete(ctx, b, claims.Claim{Volume: v, PVC: pvc})
		}
		if said != minute {
			t.Fatalf("said %d times within %d minutes", said, minute)
		}
		clock.Advance(rolesKept + time.Second)
	}
}

// TestEndOfTermIsNoError has a look fail, and one that the end of the term breaks off: that one
// is no error that the log should show.
func TestEndOfTermIsNoError(t *testing.T) {
	t.Parallel()
	r := &Reconciler{Client: unreachable(), Clock: clockwork.NewFakeClockAt(ten)}
	request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "kafka", Name: "hourly"}}
	if _, err := r.Reconcile(t.Context(), request); err == nil {
		t.Error("a look that has failed is no error")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Reconcile(over, request); err != nil {
		t.Errorf("the end of the term is an error: %v", err)
	}
}
