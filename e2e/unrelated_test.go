package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// asked counts by the apiserver's own metrics how often it has called one of
// Snapback's webhook entries.
func asked(t *testing.T) (calls int) {
	t.Helper()
	clientset, err := kubernetes.NewForConfig(shared.Get(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := clientset.RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(metrics) {
		if strings.HasPrefix(string(line), "apiserver_admission_webhook_request_total{") && strings.Contains(string(line), ".snapback.dev") {
			var n int
			if _, err := fmt.Sscan(string(line[bytes.LastIndexByte(line, ' ')+1:]), &n); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			calls += n
		}
	}
	return calls
}

// TestUnrelatedClaims creates claims that are none of Snapback's: the apiserver
// does not even ask. It runs alone, since it counts.
func TestUnrelatedClaims(t *testing.T) {
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	create(t, c, snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").In(ns).Class(cluster.StorageClass).Obj())
	before := asked(t)
	if before == 0 {
		t.Fatal("a broker's claim is not counted")
	}
	var group errgroup.Group
	group.SetLimit(16)
	for i := range 1000 {
		group.Go(func() error {
			claim := snapshotstest.PlainClaim(fmt.Sprintf("data-postgres-%d", i)).Label("app", "postgres").In(ns).Class(cluster.StorageClass)
			switch i % 4 {
			case 1:
				claim.Label("strimzi.io/cluster", "kafka").Label("strimzi.io/kind", "KafkaConnect")
			case 2:
				claim.Label("app.kubernetes.io/name", "redpanda").Label("app.kubernetes.io/instance", "kafka")
			case 3: // a broker's, whose creator has chosen
				claim = snapshotstest.KoperatorClaim("kafka", i, "/kafka-logs").In(ns).Class(cluster.StorageClass).From("chosen")
			}
			return c.Create(context.Background(), claim.Obj(), client.DryRunAll)
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if after := asked(t); after != before {
		t.Errorf("the apiserver has asked %d times about 1000 unrelated claims", after-before)
	}
}
