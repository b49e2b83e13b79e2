package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestMetrics scrapes the scheduler: a KafkaBackup has series, and has none
// when it is deleted.
func TestMetrics(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	create(t, c, snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").In(ns).Class(cluster.StorageClass).Obj())
	kb := snapshotstest.NewBackup("often", "kafka", cluster.SnapshotClass).In(ns).Schedule("@every 2s").Obj()
	create(t, c, kb)
	series := fmt.Sprintf("{kafkabackup=%q,namespace=%q} ", kb.Name, ns)
	eventually(t, func(ctx context.Context) error {
		said, err := scrape(ctx, shared.Get(t).SchedulerMetrics)
		if err != nil {
			return err
		}
		for _, name := range []string{"snapback_recovery_point_timestamp_seconds", "snapback_last_success_timestamp_seconds", "snapback_run_skew_seconds"} {
			if !strings.Contains(said, name+series) {
				return fmt.Errorf("no %s of %s", name, ns)
			}
		}
		for _, line := range []string{"snapback_volumes" + series + "1\n", "snapback_unprotected_volumes" + series + "0\n", "snapback_scheduler_leads 1\n",
			fmt.Sprintf("snapback_kafkabackup_condition{condition=\"Ready\",kafkabackup=%q,namespace=%q,reason=\"Scheduled\",status=\"True\"} 1\n", kb.Name, ns),
			fmt.Sprintf("snapback_restore_findings{finding=\"RestoreStuck\",kafkabackup=%q,namespace=%q} 0\n", kb.Name, ns)} {
			if !strings.Contains(said, line) {
				return fmt.Errorf("%q is not said", line)
			}
		}
		return nil
	})
	if err := c.Delete(t.Context(), kb); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		said, err := scrape(ctx, shared.Get(t).SchedulerMetrics)
		if err != nil {
			return err
		}
		if strings.Contains(said, fmt.Sprintf("namespace=%q", ns)) {
			return fmt.Errorf("the deleted KafkaBackup of %s still has series", ns)
		}
		return nil
	})
}

// scrape returns what a metrics endpoint says.
func scrape(ctx context.Context, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	content, err := io.ReadAll(resp.Body)
	return string(content), err
}
