package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// page is the document that these tests keep true: its table, and each command
// and file in it.
const page = "../../docs/restoring-kafka.md"

var pageLines = sync.OnceValues(func() ([]string, error) {
	content, err := os.ReadFile(page)
	return strings.Split(string(content), "\n"), err
})

// classes are what Kafka's scripts run.
var classes = map[string]string{
	"kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
	"kafka-features":        "org.apache.kafka.tools.FeatureCommand",
	"kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
	"kafka-topics":          "org.apache.kafka.tools.TopicCommand",
	"kafka-transactions":    "org.apache.kafka.tools.TransactionsCommand",
}

// documented runs the page's command of Kafka's that has those words, with
// values for its placeholders, on the cluster of that node, and returns what
// it prints.
func (k *kafka) documented(id int, words string, values ...string) string {
	k.Helper()
	lines, err := pageLines()
	k.must(err)
	var found []string
	for _, line := range lines {
		command, _, _ := strings.Cut(line, "#")
		if strings.HasPrefix(line, "    kafka-") && strings.Contains(command, words) {
			found = append(found, strings.TrimSpace(command))
		}
	}
	if len(found) != 1 {
		k.Fatalf("%d commands in %s have %q: %q", len(found), page, words, found)
	}
	values = append(values, "...", k.Nodes[id].Addr())
	args := strings.Fields(found[0])
	for i, arg := range args {
		if at := slices.Index(values, arg); at >= 0 && at%2 == 0 {
			args[i] = values[at+1]
		}
	}
	class, ok := classes[args[0]]
	if !ok {
		k.Fatalf("it is not known what %s runs", args[0])
	}
	out, err := k.install.Tool(k.ctx, class, args[1:]...)
	k.must(err)
	return out
}

// block returns the indented lines of the page that begin with that one.
func block(first string) (string, error) {
	lines, err := pageLines()
	if err != nil {
		return "", err
	}
	start := slices.Index(lines, "    "+first)
	if start < 0 {
		return "", fmt.Errorf("%s has no %q", page, first)
	}
	var found []string
	for _, line := range lines[start:] {
		line, indented := strings.CutPrefix(line, "    ")
		if !indented {
			break
		}
		found = append(found, line)
	}
	return strings.Join(found, "\n") + "\n", nil
}

// verify runs "snapback verify" with arguments, and returns what it prints.
// Its exit code is 1 for log dirs that are not sound.
func (k *kafka) verify(sound bool, args ...string) string {
	k.Helper()
	program, err := cluster.Build(k.ctx, ".", "./cmd/snapback", "snapback")
	k.must(err)
	out, err := exec.CommandContext(k.ctx, program, append([]string{"verify"}, args...)...).Output()
	var exit *exec.ExitError
	if sound != (err == nil) || !sound && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		k.Fatalf("verify %v of log dirs that are sound: %v: %v\n%s", args, sound, err, out)
	}
	return string(out)
}

// TestVerifyPod has the apiserver check the page's manifest.
func TestVerifyPod(t *testing.T) {
	k := start(t, Options{})
	text, err := block("apiVersion: v1")
	k.must(err)
	var pod corev1.Pod
	k.must(yaml.UnmarshalStrict([]byte(text), &pod))
	pod.Namespace = k.Namespace
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error { // the ServiceAccount comes later than its namespace
		return k.api.Create(ctx, &pod, client.DryRunAll)
	}))
}

// wantRow says that the page's table has a line.
func (k *kafka) wantRow(row string) {
	k.Helper()
	lines, err := pageLines()
	k.must(err)
	if !slices.Contains(lines, row) {
		k.Errorf("the table in %s lacks what was seen:\n%s", page, row)
	}
}

// unseen are the lines of the page's table that no test has seen.
func unseen(seen map[string]string) ([]string, error) {
	lines, err := pageLines()
	if err != nil {
		return nil, err
	}
	var missing []string
	start := slices.Index(lines, "| no. | lost | acknowledged | after the restore |")
	if start < 0 {
		return nil, fmt.Errorf("%s has no table", page)
	}
	for _, line := range lines[start+2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if !slices.Contains(slices.Collect(maps.Values(seen)), line) {
			missing = append(missing, line)
		}
	}
	return missing, nil
}
