package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// seen is a Kafka cluster of three brokers to look at: one is backed up, one
// was and is lost, one came after the only run.
type seen struct {
	client.Client
	namespace string
	snapshots map[string]string // by claim
}

func member(namespace string, ordinal int) *corev1.PersistentVolumeClaim {
	return snapshotstest.StatefulSetClaim("kafka", ordinal).In(namespace).Class(cluster.StorageClass).Obj()
}

func toSee(t *testing.T) seen {
	t.Helper()
	c := apiClient(t)
	s := seen{c, newNamespace(t, c, nil), map[string]string{}}
	for n := range 2 {
		create(t, c, member(s.namespace, n))
		boundDir(t, member(s.namespace, n))
	}
	daily := snapshotstest.NewBackup("daily", "kafka", cluster.SnapshotClass).In(s.namespace).Schedule("@every 24h").
		Annotate(v1alpha1.AnnotationRestore, "latest").Annotate(v1alpha1.AnnotationFreeze, "while we look").
		Annotate(v1alpha1.AnnotationRunNow, time.Now().UTC().Format(time.RFC3339)).Obj()
	create(t, c, daily)
	eventually(t, func(ctx context.Context) error {
		var kb v1alpha1.KafkaBackup
		if err := c.Get(ctx, client.ObjectKeyFromObject(daily), &kb); err != nil {
			return err
		}
		if kb.Status.LastRun == nil || kb.Status.LastRun.Ready != 2 {
			return fmt.Errorf("the run is not over: %+v", kb.Status)
		}
		return nil
	})
	for n := range 2 {
		name := member(s.namespace, n).Name
		s.snapshots[name] = waitForSnapshotOf(t, c, s.namespace, name)
	}
	deleteClaim(t, c, member(s.namespace, 1))
	create(t, c, member(s.namespace, 2))
	boundDir(t, member(s.namespace, 2))
	eventually(t, func(context.Context) error { // the lost and the new one are seen
		p := kubectlSnapback(t, s.namespace, "status")
		if strings.Count(p.out, "Bound") != 2 || strings.Count(p.out, "<lost>") != 1 {
			return fmt.Errorf("%s%s", p.out, p.err)
		}
		return nil
	})
	return s
}

// TestPluginSee reads what the plugin's commands that change nothing print.
func TestPluginSee(t *testing.T) {
	t.Parallel()
	s := toSee(t)
	t.Run("status", s.status)
	t.Run("snapshots", s.timeline)
	t.Run("explain", s.explain)
}

func (s seen) status(t *testing.T) {
	ns := s.namespace
	golden(t, "status", kubectlSnapback(t, ns, "status", "kafka").out, ns, "NAMESPACE")
	golden(t, "status-wide", kubectlSnapback(t, ns, "status", "-o", "wide").out, ns, "NAMESPACE")
	golden(t, "status-name", kubectlSnapback(t, ns, "status", "-o", "name").out)

	p := kubectlSnapback(t, ns, "status", "--exit-code")
	if p.code != 1 || p.out == "" || p.err != "error: there are problems: see above\n" {
		t.Errorf("--exit-code: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	everywhere := kubectlSnapback(t, "default", "status", "-A")
	if everywhere.code != 0 || !strings.Contains(everywhere.out, "Kafka cluster "+ns+"/kafka: problems: 2\n") {
		t.Errorf("-A: exit code %d\n%s%s", everywhere.code, everywhere.out, everywhere.err)
	}
	var printed struct{ Clusters []inventory.Status }
	if err := json.Unmarshal([]byte(kubectlSnapback(t, ns, "status", "-o", "json").out), &printed); err != nil || len(printed.Clusters) != 1 {
		t.Fatalf("-o json: %+v, %v", printed, err)
	}
	lost := printed.Clusters[0].Volumes[1]
	if want := s.snapshots["data-kafka-1"]; len(lost.Claims) != 0 || lost.Newest == nil || lost.Newest.Name != want || lost.IfLost.Snapshot != want {
		t.Errorf("-o json has %+v of the lost volume, whose snapshot is %s", lost, want)
	}
	kubectlSnapback(t, ns, "status", "other").fails(t, `namespace `+ns+` has no Kafka cluster "other", it has: kafka`)
	kubectlSnapback(t, ns, "status", "kafka", "-A").fails(t, "a CLUSTER is of one namespace: leave out --all-namespaces")
	kubectlSnapback(t, ns, "status", "-o", "xml").fails(t, `unknown output format "xml": use one of wide, json, yaml, name`)
	if p := kubectlSnapback(t, "default", "status"); p.code != 0 || p.out != "" || p.err != "No broker volumes found in namespace default.\n" {
		t.Errorf("where there is nothing: exit code %d\n%s%s", p.code, p.out, p.err)
	}
}

func (s seen) timeline(t *testing.T) {
	ns := s.namespace
	name := s.snapshots["data-kafka-0"]
	var vs snapshotv1.VolumeSnapshot
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, &vs); err != nil {
		t.Fatal(err)
	}
	run, err := snapshots.ParseRun(vs.Labels[v1alpha1.LabelRun])
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "snapshots", kubectlSnapback(t, ns, "snapshots", "kafka").out, run.Format("Jan 02"), "DAY", run.Format("15:04"), "HH:MM")
	id := vs.Annotations[v1alpha1.AnnotationLineage]
	golden(t, "snapshots-wide", kubectlSnapback(t, ns, "snapshots", "--broker", "0", "-o", "wide").out, id[:8], "LINEAGE")
	golden(t, "snapshots-name", kubectlSnapback(t, ns, "snapshots", "-o", "name").out)
	var list snapshotv1.VolumeSnapshotList
	if err := json.Unmarshal([]byte(kubectlSnapback(t, ns, "snapshots", "--broker", "kafka-0", "-o", "json").out), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].UID != vs.UID || list.Items[0].Kind != "VolumeSnapshot" {
		t.Errorf("-o json has %+v, want %s", list.Items, name)
	}
	kubectlSnapback(t, ns, "snapshots", "--broker", "7").fails(t, `no broker "7", there are: kafka-0, kafka-1, kafka-2`)
	kubectlSnapback(t, ns, "snapshots", "other").fails(t, `namespace `+ns+` has no Kafka cluster "other", it has: kafka`)
	kubectlSnapback(t, "default", "snapshots").fails(t, "namespace default has no KafkaBackup and no broker volume that Snapback knows")
}
