package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	asking "github.com/snapback-dev/snapback/kafka"
)

// observed lets the scheduler ask the brokers what would be lost, and what came
// back.
func (k *kafka) observed() {
	k.Helper()
	var addrs []string
	for _, spec := range k.Options.Nodes {
		if spec.Role.serves() {
			addrs = append(addrs, k.Nodes[spec.ID].Addr())
		}
	}
	change := fmt.Sprintf(`{"spec":{"kafka":{"bootstrapServers":%q}}}`, strings.Join(addrs, ","))
	k.must(k.api.Patch(k.ctx, k.kb, client.RawPatch("application/merge-patch+json", []byte(change))))
}

// until waits for a status of the KafkaBackup.
func (k *kafka) until(what string, is func(v1alpha1.KafkaBackupStatus) bool) {
	k.Helper()
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		if err := k.api.Get(ctx, client.ObjectKeyFromObject(k.kb), k.kb); err != nil {
			return err
		}
		if !is(k.kb.Status) {
			return fmt.Errorf("not yet %s: %+v", what, k.kb.Status)
		}
		return nil
	}))
}

// wantAtRisk waits until so many records are at risk in so many volumes, and checks
// what "kubectl snapback status" says.
func (k *kafka) wantAtRisk(volumes int32, records int64, says ...string) {
	k.Helper()
	k.until(fmt.Sprintf("%d records at risk", records), func(s v1alpha1.KafkaBackupStatus) bool {
		return s.Kafka != nil && s.Kafka.VolumesAtRisk == volumes && s.Kafka.AtRisk[0].Records == records
	})
	said, _ := k.typed("status", "kafka")
	for _, want := range says {
		if !strings.Contains(said, want) {
			k.Errorf("status does not say %q:\n%s", want, said)
		}
	}
}

// comesBack loses a broker, lets its claim be made again, and returns what "kubectl
// snapback after" says once Kafka has it in sync.
func (k *kafka) comesBack(id int32) string {
	k.Helper()
	k.must(k.Lose(k.ctx, int(id)))
	k.wantOut(id)
	k.must(k.Recover(k.ctx, int(id)))
	return k.reported(id)
}

// wantOut waits until a broker's session is over.
func (k *kafka) wantOut(id int32) {
	k.Helper()
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		return k.Admin(func(admin *kadm.Client) error {
			brokers, err := admin.ListBrokers(ctx)
			for _, b := range brokers {
				if b.NodeID == id {
					err = errors.Join(err, fmt.Errorf("broker %d is in the cluster still", id))
				}
			}
			return err
		})
	}))
}

// reported waits for the report about a broker's present claim.
func (k *kafka) reported(id int32) string {
	k.Helper()
	pvc, err := k.Claimed(k.ctx, int(id), 0)
	k.must(err)
	k.until("a report", func(s v1alpha1.KafkaBackupStatus) bool {
		for _, r := range s.Restores {
			if r.PersistentVolumeClaim == pvc.Name && r.RequestedTime.Equal(&pvc.CreationTimestamp) {
				return r.Kafka != nil && r.Kafka.ReportedTime != nil
			}
		}
		return false
	})
	said, ok := k.typed("after", "kafka", "--broker", fmt.Sprint(id))
	if !ok {
		k.Fatal(said)
	}
	return said
}

// runs runs the command of Kafka's that a text of Snapback's has, with a broker's
// address in place of a host.
func (k *kafka) runs(text, tool string) {
	k.Helper()
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != tool+".sh" {
			continue
		}
		fields[2] = k.Nodes[2].Addr()
		_, err := k.install.Tool(k.ctx, classes[tool], fields[1:]...)
		k.must(err)
		return
	}
	k.Fatalf("no command of %s in\n%s", tool, text)
}

func (k *kafka) says(text string, wants ...string) {
	k.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			k.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

// TestReport is 9.1 to 9.4: what would be lost before, what is gone after, and that
// the commands mend it.
func TestReport(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(3)})
	compacted := map[string]string{"cleanup.policy": "compact"}
	k.must(k.CreateTopic(k.ctx, "__consumer_offsets", compacted, []int32{2}))
	k.must(k.CreateTopic(k.ctx, "__transaction_state", compacted, []int32{2}))
	k.must(k.CreateTopic(k.ctx, "alone", nil, []int32{0}))
	k.must(k.CreateTopic(k.ctx, "both", nil, []int32{0, 1}))
	k.observed()
	k.produce("alone", 0, 0, 1000)
	k.produce("both", 0, 0, 1000)
	k.snapshot()
	k.produce("alone", 0, 1000, 200)
	k.produce("both", 0, 1000, 200)
	k.commit("alone", 0, 1200)
	k.wantAtRisk(2, 200, "if broker 0 died now: 200 records of 1 partition (alone-0)", "if any other broker died now: nothing")
	k.row("9.1", "nothing yet; RF 1 and RF 2 are observed", "1000 + 200 each", "`status` says: if the broker of RF 1 died now, 200 records of 1 partition; of RF 2, nothing")

	k.must(k.Lose(k.ctx, 0))
	k.wantOut(0)
	k.must(k.Recover(k.ctx, 0))
	k.produce("alone", 0, 5000, 300) // over the offsets of the lost ones
	said := k.reported(0)
	k.says(said, "200 records of 1 partition", "alone-0", "1000", "1200", "--reset-offsets --to-offset 1000", "group g")
	if strings.Contains(said, "both-0") {
		t.Errorf("both has lost nothing:\n%s", said)
	}
	k.runs(said, "kafka-consumer-groups")
	k.wantCommitted("alone", 0, 1000)
	k.row("9.2", "RF 1: its broker; 300 records are written over the lost offsets before anybody looks", "1000 + 200", "`after` says: 200 records, offsets 1000 to 1200; its command takes the group that stood at 1200 back to 1000")

	said = k.comesBack(1)
	if k.says(said, "nothing is gone of what 1 partition"); len(strings.Split(strings.TrimSpace(said), "\n")) != 1 {
		t.Errorf("one line is expected:\n%s", said)
	}
	k.row("9.3", "RF 2: one broker", "1200", "`after` says in one line: nothing is gone")
}

// TestReportHanging is 9.4: a transaction whose end is lost.
func TestReportHanging(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(3)})
	k.must(k.CreateTopic(k.ctx, "__transaction_state", map[string]string{"cleanup.policy": "compact"}, []int32{2}))
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
	k.observed()
	producer, err := k.Client(kgo.TransactionalID("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	k.must(err)
	defer producer.Close()
	k.must(producer.BeginTransaction())
	k.must(producer.ProduceSync(k.ctx, Numbered("t", 0, 0, 50, 100)...).FirstErr())
	k.snapshot()
	k.must(producer.EndTransaction(k.ctx, kgo.TryCommit))
	said := k.comesBack(0)
	k.says(said, "transaction", "abort --topic t --partition 0 --start-offset 0")
	k.runs(said, "kafka-transactions")
	asker := k.asker(2)
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		open, err := asker.OpenTransactions(ctx, []asking.TopicPartition{{Topic: "t"}})
		if err == nil && len(open) > 0 {
			err = fmt.Errorf("still open: %+v", open)
		}
		return err
	}))
	k.row("9.4", "RF 1: its broker, cut in the middle of a transaction that was committed", "50", "`after` names the transaction that hangs; its command ends it")
}

// TestReportMadeAgain is 9.5: a topic that was deleted and made again.
func TestReportMadeAgain(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
	k.observed()
	k.produce("t", 0, 0, 1000)
	k.snapshot()
	k.makeAgain("t")
	k.produce("t", 0, 5000, 10)
	k.wantAtRisk(1, 10, "if broker 0 died now: 10 records of 1 partition (t-0)")
	said, _ := k.typed("restore", "kafka", "--broker", "0", "--dry-run", "--bootstrap-servers", k.Nodes[1].Addr())
	k.says(said, "deleted and made again since the snapshot", "t-0 (at most 10 records)")
	k.says(k.comesBack(0), "t-0", "10 records")
	k.row("9.5", "RF 1: its broker, the topic deleted and made again since", "1000 of the old, 10 of the new", "the plan of a restore names the topic; `status` and `after` count the 10 of the new one only")
}

// TestPlanElectsFirst is 9.6: the plan of a restore while a peer that is down has
// more.
func TestPlanElectsFirst(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(3)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0, 1}))
	k.observed()
	k.produce("t", 0, 0, 1000)
	k.snapshot()
	k.produce("t", 0, 1000, 200)
	k.Kill(1)
	k.must(k.InSync(k.ctx, "t", 0, 1))
	k.must(k.Lose(k.ctx, 0))
	k.wantLeader("t", 0, -1)
	said, ok := k.restore(k.Nodes[2].Addr(), "--broker", "0")
	if ok {
		t.Errorf("it should be blocked:\n%s", said)
	}
	k.says(said, "elect it first", "--election-type unclean --topic t --partition 0")
	k.must(k.Start(k.ctx, 1))
	k.wantLeader("t", 0, -1)
	k.documented(1, "--election-type unclean", "T", "t")
	k.must(k.Recover(k.ctx, 0))
	k.must(k.InSync(k.ctx, "t", 0, 2))
	k.wantRecords("t", 0, 0, 1200)
	k.row("9.6", "RF 2: the last in-sync broker, its peer down with all records", "1000 + 200", "`restore` is blocked and says to elect the peer first; after that all 1200")
}
