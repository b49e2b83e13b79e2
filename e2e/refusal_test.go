package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestRefusalIsTold creates a claim that is refused, in a dry run and for real,
// and looks for what is left of each.
func TestRefusalIsTold(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns, _ := backedUp(t, c, snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Request("2Gi"), "kafka")
	small := func() *snapshotstest.Claim {
		return snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").In(ns).Class(cluster.StorageClass)
	}
	told := func(ctx context.Context) (n int32, err error) {
		var list eventsv1.EventList
		if err := c.List(ctx, &list, client.InNamespace(ns)); err != nil {
			return 0, err
		}
		for _, e := range list.Items {
			if e.Regarding.Kind == "KafkaBackup" && e.Reason == "TooSmall" && strings.Contains(e.Note, "it needs 2Gi") {
				n++
				if e.Series != nil {
					n += e.Series.Count
				}
			}
		}
		return n, nil
	}
	dry := cluster.Create(t.Context(), c, small().Obj(), patience, client.DryRunAll)
	var first string
	for range 3 {
		err := cluster.Create(t.Context(), c, small().Obj(), patience)
		if !apierrors.IsForbidden(err) || !apierrors.IsForbidden(dry) || dry.Error() != err.Error() {
			t.Fatalf("refused alike expected:\n%v\n%v", dry, err)
		}
		first = err.Error()
		var status *apierrors.StatusError
		if !errors.As(err, &status) || status.ErrStatus.Details == nil || len(status.ErrStatus.Details.Causes) != 1 {
			t.Fatalf("a cause in the details expected: %+v", err)
		}
		if reason, ok := v1alpha1.ReadCause(status.ErrStatus.Details.Causes[0]); !ok || reason != v1alpha1.ReasonTooSmall {
			t.Errorf("the cause is %q", reason)
		}
	}
	eventually(t, func(ctx context.Context) error {
		n, err := told(ctx)
		if err == nil && n == 0 {
			err = fmt.Errorf("no Event on the KafkaBackup tells of %q", first)
		}
		return err
	})
	var list eventsv1.EventList
	if err := c.List(t.Context(), &list, client.InNamespace(ns), client.MatchingFields{"reason": "TooSmall"}); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 {
		t.Errorf("%d Events of one cause", len(list.Items))
	}
	resp, err := http.Get("http://" + shared.Get(t).WebhookMetrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`snapback_admission_decisions_total{outcome="deny",reason="TooSmall"} `, `snapback_admission_duration_seconds_bucket{le="0.005"} `} {
		if !strings.Contains(string(metrics), line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}
