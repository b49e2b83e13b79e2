package scheduler

import (
	"context"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// emptyCache finds every object by name, and lists none.
type emptyCache struct{ client.Client }

func (emptyCache) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return nil
}

func (emptyCache) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

// TestDeletedDuringItsRun: the snapshots of the run would else be opted out,
// and a claim that is created later would start empty.
func TestDeletedDuringItsRun(t *testing.T) {
	b, err := snapshots.NewBackup(snapshotstest.NewBackup("hourly", "kafka", "class").Annotate(v1alpha1.AnnotationRestore, "latest").Obj())
	if err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{Client: emptyCache{}}
	source, err := r.policySource(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if policy, err := snapshots.NewPolicy(source); err != nil || !policy.OptedIn() {
		t.Errorf("policy %v (error: %v) of a KafkaBackup that is gone from the cache, opted in expected", policy, err)
	}
}
