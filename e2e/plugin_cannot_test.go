package e2e

import (
	"fmt"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// pluginCommands is every command that asks a cluster, as it would be right
// where the names are.
var pluginCommands = map[string][]string{
	"status":      {"status", "kafka"},
	"snapshots":   {"snapshots", "kafka"},
	"drills":      {"drills", "kafka"},
	"history":     {"history", "kafka"},
	"explain":     {"explain", "data-kafka-0"},
	"create":      {"create", "new", "--cluster", "kafka", "--snapshot-class", cluster.SnapshotClass, "--schedule", "@hourly"},
	"run":         {"run", "b"},
	"suspend":     {"suspend", "b"},
	"resume":      {"resume", "b"},
	"freeze":      {"freeze", "b", "--reason", "why"},
	"unfreeze":    {"unfreeze", "b"},
	"hold":        {"hold", "SNAPSHOT", "--reason", "why"},
	"release":     {"release", "SNAPSHOT"},
	"promote":     {"promote", "data-kafka-0"},
	"restore":     {"restore", "kafka", "--broker", "0", "-y"},
	"after":       {"after", "kafka"},
	"tail":        {"tail", "kafka", "--from-cluster", "127.0.0.1:1"},
	"start-empty": {"start-empty", "0", "--cluster", "kafka", "-y"},
}

// cannot checks that a command said one line, exited with 1, and why.
func (p printed) cannot(t *testing.T, why string) {
	t.Helper()
	if p.code != 1 || p.out != "" || !strings.HasPrefix(p.err, "error: ") || strings.Count(p.err, "\n") != 1 || !strings.Contains(p.err, why) {
		t.Errorf("exit code %d\n%s%swant 1, and one line with: %s", p.code, p.out, p.err, why)
	}
}

// TestPluginCannot has everything that can keep a command from its work. None of
// the commands may change anything then.
func TestPluginCannot(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	statefulBroker(t, c, ns, 0)
	create(t, c, snapshotstest.StrimziClaim("events", "broker", 0, 0).In(ns).Class(cluster.StorageClass).Obj())
	create(t, c, snapshotstest.NewBackup("b", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).Obj())
	if p := kubectlSnapback(t, ns, "run", "b"); p.code != 0 {
		t.Fatal(p.err)
	}
	snapshot := waitForSnapshot(t, c, ns)
	before := wanted(t, c, ns)
	for name, args := range pluginCommands {
		for n := range args {
			args[n] = strings.ReplaceAll(args[n], "SNAPSHOT", snapshot)
		}
		t.Run(name, func(t *testing.T) {
			kubectlSnapback(t, ns, append(args, "--as", "nobody")...).cannot(t, `User "nobody" cannot `)
			kubectlSnapback(t, ns, append(args, "--server", "https://127.0.0.1:1")...).cannot(t, "cannot reach the cluster: ")
			kubectlSnapback(t, "missing", args...).cannot(t, "missing")
		})
	}
	for _, args := range [][]string{{"snapshots"}, {"restore", "--broker", "0", "-y"}, {"start-empty", "0", "-y"}} {
		kubectlSnapback(t, ns, args...).fails(t, "namespace "+ns+" has several Kafka clusters, name one: events, kafka")
	}
	if after := wanted(t, c, ns); after != before {
		t.Errorf("what was asked of the cluster:\n%s\nbefore:\n%s", after, before)
	}
}

// wanted is everything that people have asked for in a namespace.
func wanted(t *testing.T, c client.Client, namespace string) (text string) {
	t.Helper()
	var kafkaBackups v1alpha1.KafkaBackupList
	var list snapshotv1.VolumeSnapshotList
	var claims corev1.PersistentVolumeClaimList
	for _, l := range []client.ObjectList{&kafkaBackups, &list, &claims} {
		if err := c.List(t.Context(), l, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
	}
	for _, kb := range kafkaBackups.Items {
		text += fmt.Sprintln(kb.Name, kb.Generation, kb.Annotations)
	}
	for _, vs := range list.Items {
		text += fmt.Sprintln(vs.Name, vs.UID, vs.Annotations)
	}
	for _, pvc := range claims.Items {
		text += fmt.Sprintln(pvc.Name, pvc.UID, pvc.Annotations)
	}
	return text
}
