package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

func TestPrintStatus(t *testing.T) {
	t.Parallel()
	at := func(ago time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(-ago)} }
	loss := func(records int64, partitions int32, message string) v1alpha1.KafkaLoss {
		return v1alpha1.KafkaLoss{Records: records, Partitions: partitions, Message: message}
	}
	well := inventory.Status{Namespace: "kafka", Cluster: "a", Kafka: &inventory.KafkaStatus{
		KafkaStatus: v1alpha1.KafkaStatus{ObservedTime: *at(40 * time.Second), Partitions: 1200, IfAllLost: loss(5, 1, "5 records of 1 partition")}}}
	ill := inventory.Status{Namespace: "kafka", Cluster: "b",
		Backups: []inventory.BackupStatus{
			{Kind: "KafkaBackup", Name: "hourly", Schedule: "@hourly", NextScheduleTime: at(-30 * time.Minute),
				Snapshots: 5, RestoreSize: ptr.To(resource.MustParse("500Gi")),
				LastRun: &v1alpha1.RunStatus{ScheduledTime: *at(30 * time.Minute), Volumes: 3, Ready: 2, Failed: 1}},
			{Kind: "ConfigMap", Name: "old", Schedule: "@daily", Suspended: true, Frozen: "an audit"},
		},
		Volumes: []inventory.VolumeStatus{
			{Volume: "0", Claims: []inventory.ClaimStatus{{Name: "data-0", Phase: "Bound"}}, Newest: &inventory.SnapshotStatus{Name: "s0", ScheduledTime: *at(time.Hour), Proven: true},
				Unproven: 2, Abandoned: 1, IfLost: inventory.IfLostStatus{Outcome: v1alpha1.OutcomeRestore, Reason: v1alpha1.ReasonRestored, Snapshot: "pinned"}},
			{Volume: "1", Claims: []inventory.ClaimStatus{{Name: "data-1", Phase: "Bound", Terminating: true}}, Newest: &inventory.SnapshotStatus{Name: "s1", ScheduledTime: *at(time.Hour)},
				IfLost: inventory.IfLostStatus{Outcome: v1alpha1.OutcomeDeny, Reason: v1alpha1.ReasonTooSmall}},
			{Volume: "2", IfLost: inventory.IfLostStatus{Outcome: v1alpha1.OutcomeRestore, Reason: v1alpha1.ReasonWaitingForSnapshot, Snapshot: "s2"}},
		},
	}
	ill.Kafka = &inventory.KafkaStatus{Stale: "Unreachable", KafkaStatus: v1alpha1.KafkaStatus{ObservedTime: *at(10 * time.Minute), Partitions: 1200, OfflinePartitions: 1, UnderReplicatedPartitions: 9,
		VolumesAtRisk: 2, AtRisk: []v1alpha1.VolumeAtRisk{{Volume: "2", Broker: "b2", KafkaLoss: loss(48211, 3, "48,211 records of 3 partitions")},
			{Volume: "1", Broker: "b0", KafkaLoss: loss(1, 1, "1 record of 1 partition")}},
		IfAllLost: loss(48300, 4, "48,300 records of 4 partitions")}}
	for n, broker := range []string{"b0", "b0", "b2"} {
		ill.Volumes[n].Broker = broker
	}
	for n := range 7 {
		ill.Problems = append(ill.Problems, inventory.Problem{Reason: "NotOptedIn", Kind: "volume", Name: fmt.Sprint(n), Message: "nobody has opted in"})
	}
	ill.Problems = append(ill.Problems, inventory.Problem{Reason: "NoKafkaBackup", Kind: "cluster", Message: "no KafkaBackup names this cluster"})
	var out bytes.Buffer
	if err := printStatus(&out, []inventory.Status{well, ill}, false, now); err != nil {
		t.Fatal(err)
	}
	want := `
Kafka cluster kafka/a said 40s ago:
- if any one broker died now: nothing
- if all brokers died now: 5 records of 1 partition

Kafka cluster kafka/a: no problems

Kafka cluster kafka/b said 10m ago, and does not answer any more: Unreachable:
- if broker b2 died now: 48,211 records of 3 partitions
- if volume 1 of broker b0 was lost now: 1 record of 1 partition
- if any other broker died now: nothing
- if all brokers died now: 48,300 records of 4 partitions
- of 1,200 partitions, 1 without a leader, 9 not in sync

Kafka cluster kafka/b: problems: 8
- volume 0, 1, 2, 3, 4, and 2 more: nobody has opted in (NotOptedIn)
- cluster: no KafkaBackup names this cluster (NoKafkaBackup)

KAFKABACKUP SCHEDULE LAST RUN RESULT NEXT RUN SNAPSHOTS RESTORE SIZE STATE
hourly @hourly 30m ago 2 of 3 ready, 1 failed in 30m 5 500Gi active
old (ConfigMap) @daily - no run yet - 0 - suspended, frozen: an audit

VOLUME CLAIM NEWEST GOOD SNAPSHOT DATA LOSS LINEAGE IF LOST
0 data-0 (Bound) s0 60m proven, 2 unproven, 1 abandoned restored from pinned
1 data-1 (Terminating) s1 60m unproven refused: TooSmall
2 <lost> <none> everything - restored from s2 once it is ready
`[1:]
	if got := regexp.MustCompile(` +`).ReplaceAllString(out.String(), " "); got != want {
		t.Errorf("printed:\n%swant:\n%s", got, want)
	}
}

// The form of JSON is one object for what Kafka said, without a level in between.
func TestStatusOfKafkaAsJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := statusOptions{options: &options{IOStreams: genericiooptions.IOStreams{Out: &out}}, output: "json"}
	err := s.print([]inventory.Status{{Cluster: "a", Kafka: &inventory.KafkaStatus{KafkaBackup: "hourly", AgeSeconds: 40, KafkaStatus: v1alpha1.KafkaStatus{
		Brokers: 3, AtRisk: []v1alpha1.VolumeAtRisk{{Broker: "2", KafkaLoss: v1alpha1.KafkaLoss{Records: 7}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Clusters []struct {
			Kafka struct {
				KafkaBackup         string
				AgeSeconds, Brokers int
				AtRisk              []struct {
					Broker  string
					Records int
				}
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	k := got.Clusters[0].Kafka
	if k.KafkaBackup != "hourly" || k.AgeSeconds != 40 || k.Brokers != 3 || k.AtRisk[0].Broker != "2" || k.AtRisk[0].Records != 7 {
		t.Errorf("%s", out.String())
	}
}
