package ui

import (
	"context"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestAnswersAreCurrent keeps an answer as long as nothing of what it is about changes,
// and none that nobody has waited for.
func TestAnswersAreCurrent(t *testing.T) {
	t.Parallel()
	asked := 0
	create := func(ctx context.Context, _ client.WithWatch, _ client.Object, _ ...client.CreateOption) error {
		asked++
		return ctx.Err()
	}
	a := newAnswers(Config{Client: fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{Create: create}).Build()})
	backup := snapshotstest.NewBackup("hourly", "kafka", "csi")
	claim := snapshotstest.StatefulSetClaim("kafka", 0)
	live := claim.Obj()
	live.UID = "uid"
	i := loaded(t, backup.Obj(), live, snapshotstest.NewSnapshot(claim, backup, "driver", now).Ready().Obj())
	v, pvc, ok := i.OfClaim(live.Name)
	if !ok {
		t.Fatal("there is no volume")
	}
	ask := func(ctx context.Context, what string, want int) {
		t.Helper()
		if a.of(ctx, i, v, pvc, now); asked != want {
			t.Errorf("%s: the webhook was asked %d times, want %d", what, asked, want)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	ask(gone, "the reader has gone away", 1)
	ask(t.Context(), "the next reader", 2)
	ask(t.Context(), "the same once more", 2)
	for name := range v.Objects {
		v.Objects[name].ResourceVersion = "changed"
	}
	ask(t.Context(), "a snapshot was changed", 3)
	i.Backups[0].ResourceVersion = "changed"
	ask(t.Context(), "the KafkaBackup was changed", 4)
	pvc.ResourceVersion = "changed"
	ask(t.Context(), "the claim was changed", 5)
}
