package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestRestoreWithoutTracing follows a restore as people do who have no traces: by the claim's UID
// in Events and in the scheduler's log, and by its namespace in the webhook's.
func TestRestoreWithoutTracing(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	claim := func() *snapshotstest.Claim { return snapshotstest.KoperatorClaim("untraced", 1, "/kafka-logs") }
	ns, _ := backedUp(t, c, claim(), "untraced")
	again := claim().In(ns).Class(cluster.StorageClass).Obj()
	create(t, c, again)
	boundDir(t, again)
	if _, traced := again.Annotations[v1alpha1.AnnotationTraceparent]; traced || again.Annotations[v1alpha1.AnnotationRestoredFrom] == "" {
		t.Errorf("the claim has %v", again.Annotations)
	}
	eventually(t, func(ctx context.Context) error {
		var events corev1.EventList
		if err := c.List(ctx, &events, client.InNamespace(ns)); err != nil {
			return err
		}
		missing := map[string]bool{"ProvisioningSucceeded": true, string(v1alpha1.ReasonRestored): true}
		for _, e := range events.Items {
			if e.InvolvedObject.UID == again.UID {
				delete(missing, e.Reason)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("no Events of %s: %v", again.UID, missing)
		}
		return logsHave(shared.Get(t), map[string][]string{
			"scheduler": {`"claim was restored"`, string(again.UID)},
			"webhook":   {`"decision"`, `"restore"`, ns},
		})
	})
}

// logsHave returns an error if the log of a part has no line with all of these words.
func logsHave(k *cluster.Cluster, want map[string][]string) error {
	for part, words := range want {
		content, err := os.ReadFile(filepath.Join(k.Dir, "logs", part+".log"))
		if err != nil {
			return err
		}
		if !hasLine(string(content), words) {
			return fmt.Errorf("no line of the %s has %q", part, words)
		}
	}
	return nil
}

func hasLine(text string, words []string) bool {
	for line := range strings.Lines(text) {
		has := true
		for _, word := range words {
			has = has && strings.Contains(line, word)
		}
		if has {
			return true
		}
	}
	return false
}
