package cli

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

func restoreWith(claim string, k *v1alpha1.RestoreReport) inventory.Restore {
	r := inventory.Restore{Broker: claim, Bootstrap: "k:9092", RestoreStatus: v1alpha1.RestoreStatus{PersistentVolumeClaim: "data-" + claim, RequestedTime: metav1.Time{Time: now}, Kafka: k}}
	if k != nil {
		k.InSyncTime = &metav1.Time{Time: now.Add(130 * time.Second)}
	}
	return r
}

func TestPrintAfter(t *testing.T) {
	t.Parallel()
	waiting := restoreWith("kafka-3", nil)
	waiting.Waiting = "the claim is not bound yet"
	ill := restoreWith("kafka-1", &v1alpha1.RestoreReport{Message: "1,300 records of 11 partitions are gone", PartitionsLost: 12,
		LostPartitions: []v1alpha1.LostPartition{{Topic: "t", From: 1000, To: 2200, Exactness: "Exactly"}, {Topic: "u", Partition: 3, From: 5, To: 6, Exactness: "AtMost"}},
		GroupsBeyondEnd: []v1alpha1.GroupBeyondEnd{{Group: "g", Topic: "t", Committed: 1100, End: 1000, ResetTo: ptr.To(int64(1000))},
			{Group: "my group", Topic: "t", Committed: 1100, End: 1500, ResetTo: ptr.To(int64(1000))}, {Group: "h", Topic: "v", Committed: 9, End: 8}},
		HangingTransactions: []v1alpha1.HangingTransaction{{Topic: "t", StartOffset: 990}},
		UncleanLeaders:      []v1alpha1.UncleanLeader{{Topic: "t", Leader: 1, Lost: true}, {Topic: "u", Partition: 3, Leader: 1, Down: []int32{2}}},
		TopicsMadeAgain:     []string{"w"}, TopicsGone: []string{"x", "y"},
	})
	ill.Secured = true
	internal := restoreWith("kafka-2", &v1alpha1.RestoreReport{Message: "nothing is gone", PartitionsLost: 1,
		LostPartitions: []v1alpha1.LostPartition{{Topic: "__consumer_offsets", Partition: 7, To: 4, Exactness: "AtMost"}}})
	var out bytes.Buffer
	if err := printAfter(&out, "kafka", "ns", []inventory.Restore{restoreWith("kafka-0", &v1alpha1.RestoreReport{Message: "nothing is gone"}), waiting, ill, internal}); err != nil {
		t.Fatal(err)
	}
	want := `
Claim data-kafka-0 (broker kafka-0), in sync after 2m10s: nothing is gone
Claim data-kafka-3 (broker kafka-3): no report: the claim is not bound yet
Claim data-kafka-1 (broker kafka-1), in sync after 2m10s: 1,300 records of 11 partitions are gone

 PARTITION FROM TO RECORDS
 t-0 1000 2200 1,200 records
 u-3 5 6 at most 1 record
 and 10 partitions more

 Fetch them from another cluster that has a copy, or ask the producers to send them again:
 kubectl snapback tail kafka -n ns --from-cluster HOST:9092

 Group g stands at 1100 of t-0, which ends at 1000. Stop its members, and set it back:
 kafka-consumer-groups.sh --bootstrap-server k:9092 --group g --topic t:0 --reset-offsets --to-offset 1000 --execute

 Group my group stands at 1100 of t-0, an offset that was given to a new record. If it has read nothing since the restore, stop its members, and set it back:
 kafka-consumer-groups.sh --bootstrap-server k:9092 --group 'my group' --topic t:0 --reset-offsets --to-offset 1000 --execute

 Group h stands at 9 of v-0, which ends at 8. Stop its members, and set it back:
 kafka-consumer-groups.sh --bootstrap-server k:9092 --group h --topic v:0 --reset-offsets --to-latest --execute

 A transaction hangs in t-0: consumers with read_committed stand still at 990. Abort it:
 kafka-transactions.sh --bootstrap-server k:9092 abort --topic t --partition 0 --start-offset 990

 t-0 is led by broker 1, which lacks records: the other replicas are cut to it.

 u-3 is led by broker 1, which may lack records: the other replicas are cut to it. Of them [2] did not run, and may have more. Keep them stopped, stop broker 1, start the one that has the most, and elect it. What was written since the restore is lost then:
 kafka-leader-election.sh --bootstrap-server k:9092 --election-type unclean --topic u --partition 3

 Deleted and made again since the snapshot, what they had before is not counted: w

 Not in the cluster any more: x, y. If nobody deleted them, the controllers are from before they were made: look for -stray folders in the log dirs

 Kafka's commands need --command-config FILE with the settings for TLS and SASL.
Claim data-kafka-2 (broker kafka-2), in sync after 2m10s: nothing is gone

 PARTITION FROM TO RECORDS
 __consumer_offsets-7 0 4 at most 4 records
`[1:]
	if got := regexp.MustCompile(` +`).ReplaceAllString(out.String(), " "); got != want {
		t.Errorf("printed:\n%swant:\n%s", got, want)
	}
}
