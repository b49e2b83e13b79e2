package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPluginPromote lets a volume come back empty, and promotes it.
func TestPluginPromote(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil) // nobody opted in: it comes back empty
	lost := statefulBroker(t, c, ns, 0)
	create(t, c, snapshotstest.NewBackup("b", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).Obj())
	if p := kubectlSnapback(t, ns, "run", "b"); p.code != 0 {
		t.Fatal(p.err)
	}
	said := kubectlSnapback(t, ns, "promote", lost.Name).all()
	deleteClaim(t, c, lost)
	again := statefulBroker(t, c, ns, 0)
	said += kubectlSnapback(t, ns, "promote", again.Name, "--dry-run=server").all()
	eventually(t, func(context.Context) error { // of a second of its own
		if p := kubectlSnapback(t, ns, "run", "b"); p.code != 0 {
			return fmt.Errorf("%s", p.err)
		}
		return nil
	})
	since := waitForSnapshot(t, c, ns)
	if got := annotationOf(t, c, ns, since, v1alpha1.AnnotationProven); got != "false" {
		t.Fatalf("the snapshot of the empty volume is proven: %q", got)
	}
	for range 2 {
		said += kubectlSnapback(t, ns, "promote", again.Name).all()
	}
	eventually(t, func(context.Context) error {
		if got := annotationOf(t, c, ns, since, v1alpha1.AnnotationProven); got != "true" {
			return fmt.Errorf("the snapshot is proven: %q", got)
		}
		return nil
	})
	golden(t, "promote", said)
	kubectlSnapback(t, ns, "promote", "other").fails(t, `namespace `+ns+` has no claim "other" that Snapback knows as a volume of a Kafka cluster`)
}
