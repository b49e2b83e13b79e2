package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPluginStartEmpty lets a lost broker start empty, and takes that back.
func TestPluginStartEmpty(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	claim := func() *snapshotstest.Claim { return snapshotstest.KoperatorClaim("kafka", 5, "/kafka-logs") }
	ns, snapshot := backedUp(t, c, claim(), "kafka")
	source := "snapshot.storage.k8s.io VolumeSnapshot " + snapshot
	gets := func(want string) {
		t.Helper()
		eventually(t, func(ctx context.Context) error {
			pvc := claim().In(ns).Class(cluster.StorageClass).Obj()
			if err := c.Create(ctx, pvc, client.DryRunAll); err != nil || dataSource(pvc) != want {
				return fmt.Errorf("a claim gets %q, want %q (error: %w)", dataSource(pvc), want, err)
			}
			return nil
		})
	}
	unasked := kubectlSnapback(t, ns, "start-empty", "5")
	if unasked.code != 1 || unasked.out != "" || !strings.HasSuffix(unasked.err,
		"error: standard input is not a terminal, so nobody can be asked: say --yes if you mean it; nothing was changed\n") {
		t.Errorf("exit code %d, %q\n%s", unasked.code, unasked.out, unasked.err)
	}
	said := kubectlSnapback(t, ns, "start-empty", "5", "--dry-run=server").all()
	if got := annotationOf(t, c, ns, snapshot, v1alpha1.AnnotationStartEmptyUntil); got != "" {
		t.Errorf("the pin is there though nobody said yes: %q", got)
	}
	gets(source)
	said += kubectlSnapback(t, ns, "start-empty", "5", "--yes", "--for", "90m").all()
	gets("")
	until := annotationOf(t, c, ns, snapshot, v1alpha1.AnnotationStartEmptyUntil)
	again := kubectlSnapback(t, ns, "start-empty", "5", "--yes")
	said += again.out
	if got := annotationOf(t, c, ns, snapshot, v1alpha1.AnnotationStartEmptyUntil); got != until || !strings.Contains(again.err, "starts empty already") {
		t.Errorf("again: until %s, before %s\n%s", got, until, again.err)
	}
	said += kubectlSnapback(t, ns, "start-empty", "5", "--cancel").all()
	gets(source)
	said += kubectlSnapback(t, ns, "start-empty", "5", "--cancel").all()
	golden(t, "start-empty", said, snapshot, "SNAPSHOT")

	kubectlSnapback(t, ns, "start-empty", "6").fails(t, `no broker "6", there are: `+brokerOf(t, c, ns, snapshot))
	kubectlSnapback(t, ns, "start-empty", "5", "--for", "48h").fails(t, "--for 48h0m0s: must be from 1s to 24h0m0s")
}

func brokerOf(t *testing.T, c client.Client, namespace, snapshot string) string {
	t.Helper()
	return annotationOf(t, c, namespace, snapshot, v1alpha1.AnnotationBroker)
}
