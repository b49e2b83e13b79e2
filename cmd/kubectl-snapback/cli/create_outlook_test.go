package cli

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestOutlook(t *testing.T) {
	volume := func(cluster string, claim *snapshotstest.Claim) inventory.Volume {
		return inventory.Volume{Volume: snapshots.Volume{Namespace: snapshotstest.Namespace, Cluster: cluster},
			Claims: []*corev1.PersistentVolumeClaim{claim.Obj()}}
	}
	plain := func() *snapshotstest.Claim { return snapshotstest.StatefulSetClaim("kafka", 0) }
	in := plain().Annotate(v1alpha1.AnnotationRestore, "latest")
	const (
		empty    = `Warning: namespace kafka has no claim that Snapback knows as a volume of Kafka cluster "kafka"`
		notIn    = "Nothing is restored: no claim is opted in, a lost one starts empty. To opt in: kubectl annotate kbak b -n kafka"
		some     = "Only 1 of 2 volumes are opted in"
		mistaken = `Warning: lost claims are refused: annotation snapback.dev/restore is "yes"`
	)
	for name, test := range map[string]struct {
		backup  *snapshotstest.Backup
		volumes []inventory.Volume
		want    []string
	}{
		"nothing":       {nil, nil, []string{empty, notIn}},
		"other cluster": {nil, []inventory.Volume{volume("other", plain())}, []string{empty, notIn}},
		"not yet there": {snapshotstest.NewBackup("b", "kafka", "csi").Annotate(v1alpha1.AnnotationRestore, "latest"), nil, []string{empty}},
		"not opted in":  {nil, []inventory.Volume{volume("kafka", plain())}, []string{notIn}},
		"one opted in":  {nil, []inventory.Volume{volume("kafka", plain()), volume("kafka", in)}, []string{some}},
		"all opted in":  {nil, []inventory.Volume{volume("kafka", in)}, nil},
		"mistaken":      {nil, []inventory.Volume{volume("kafka", plain().Annotate(v1alpha1.AnnotationRestore, "yes"))}, []string{mistaken}},
	} {
		t.Run(name, func(t *testing.T) {
			backup := test.backup
			if backup == nil {
				backup = snapshotstest.NewBackup("b", "kafka", "csi")
			}
			kb := backup.Obj()
			parsed, err := snapshots.NewBackup(kb)
			if err != nil {
				t.Fatal(err)
			}
			got := outlook(&inventory.Inventory{Backups: []inventory.Backup{{KafkaBackup: kb, Parsed: parsed}}, Volumes: test.volumes}, kb)
			if len(got) != len(test.want) {
				t.Fatalf("said %q, want %q", got, test.want)
			}
			for n, want := range test.want {
				if !strings.HasPrefix(got[n], want) {
					t.Errorf("said %q, want %q", got[n], want)
				}
			}
		})
	}
}
