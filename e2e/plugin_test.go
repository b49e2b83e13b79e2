package e2e

import (
	"os/exec"
	"regexp"
	"testing"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPluginStatus reads "kubectl snapback status" of a lost volume.
func TestPluginStatus(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns, snapshot := backedUp(t, c, snapshotstest.KoperatorClaim("kafka", 5, "/kafka-logs"), "kafka")
	plugin, err := cluster.Build(t.Context(), ".", "./cmd/kubectl-snapback", "kubectl-snapback")
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		args = append(args, "--kubeconfig", shared.Get(t).Kubeconfig(), "-n", ns)
		out, err := exec.CommandContext(t.Context(), plugin, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	want := regexp.MustCompile(`^CLUSTER +VOLUME +CLAIM +NEWEST SNAPSHOT +AGE\nkafka +5:/kafka-logs +<lost> +` + snapshot + ` +\d+s\n$`)
	if got := run("status", "kafka"); !want.MatchString(got) {
		t.Errorf("status of a lost volume:\n%s", got)
	}
	if got := run("status", "other"); got != "No broker volumes found in namespace "+ns+".\n" {
		t.Errorf("status of no cluster: %q", got)
	}
}
