package apachekafka

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// wantRefused says that the claim of a lost disk is refused, and why.
func (k *kafka) wantRefused(id int, reason string) {
	k.Helper()
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		err := k.api.Create(ctx, k.Claim(id, 0), client.DryRunAll)
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), reason) {
			return fmt.Errorf("a refusal with %q is expected, got %w", reason, err)
		}
		return nil
	}))
}

// wantAnswer waits until the claim of a lost disk would be made from the
// snapshot of a run.
func (k *kafka) wantAnswer(id int, run time.Time) {
	k.Helper()
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		pvc := k.Claim(id, 0)
		if err := k.api.Create(ctx, pvc, client.DryRunAll); err != nil {
			return err
		}
		if pvc.Spec.DataSource == nil || !strings.Contains(pvc.Spec.DataSource.Name, run.Format("20060102-150405")) {
			return fmt.Errorf("node %d would get %v, the run of %s is expected", id, pvc.Spec.DataSource, run)
		}
		return nil
	}))
}

// wantNoSource waits until the claim of a lost disk would be made empty.
func (k *kafka) wantNoSource(id int) {
	k.Helper()
	k.must(k.WouldBeEmpty(k.ctx, id))
}

// snapshotsOf lists the snapshots that were taken of a claim.
func (k *kafka) snapshotsOf(claim string) []snapshotv1.VolumeSnapshot {
	k.Helper()
	var list snapshotv1.VolumeSnapshotList
	k.must(k.api.List(k.ctx, &list, client.InNamespace(k.Namespace)))
	var of []snapshotv1.VolumeSnapshot
	for _, vs := range list.Items {
		if *vs.Spec.Source.PersistentVolumeClaimName == claim {
			of = append(of, vs)
		}
	}
	return of
}

// snapshotOf is the only snapshot of a claim.
func (k *kafka) snapshotOf(claim string) string {
	k.Helper()
	of := k.snapshotsOf(claim)
	if len(of) != 1 {
		k.Fatalf("claim %s has %d snapshots, 1 is expected", claim, len(of))
	}
	return of[0].Name
}

// claimFrom makes a claim for a disk of a node from a snapshot, as a person
// would by hand.
func (k *kafka) claimFrom(id int, snapshot string) disk {
	k.Helper()
	pvc := snapshotstest.PlainClaim(fmt.Sprintf("by-hand-%d", id)).In(k.Namespace).Class(cluster.StorageClass).From(snapshot).Obj()
	k.must(k.api.Create(k.ctx, pvc))
	d := disk{claim: pvc.Name}
	k.must(k.Eventually(k.ctx, func(ctx context.Context) (err error) {
		d.volume, err = k.k8s.VolumeDir(ctx, k.Namespace, pvc.Name)
		return err
	}))
	return d
}

// TestControllersLost loses one controller of three, which learns from the
// others, and then all: a quorum never comes back empty beside its brokers.
func TestControllersLost(t *testing.T) {
	controllers := []int{100, 101, 102}
	nodes := []NodeSpec{{ID: 0, Role: Broker}}
	for _, id := range controllers {
		nodes = append(nodes, NodeSpec{ID: id, Role: Controller})
	}
	k := start(t, Options{Nodes: nodes})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
	k.produce("t", 0, 0, 1000)
	run := k.snapshot()
	k.produce("t", 0, 1000, 200)
	leader := int(k.quorum(-1).LeaderID) // so that there is an election after the snapshot
	k.must(k.Lose(k.ctx, leader))
	k.wantNoSource(leader)
	k.must(k.Recover(k.ctx, leader))
	k.quorum(int32(leader))
	k.wantRecords("t", 0, 0, 1200)
	k.row("5.5", "one of three controllers", "1000 + 200", "all 1200; it starts empty and learns from the others")

	k.loseAll(controllers...)
	k.wantRefused(100, "holds votes of the quorum")
	k.annotate(v1alpha1.AnnotationRestoreQuorum, "true")
	for _, id := range controllers {
		k.wantAnswer(id, run)
	}
	k.must(k.Recover(k.ctx, controllers...))
	for _, id := range controllers {
		k.wantRestored(id, 0, run)
	}
	k.Kill(0) // it knows of a later leader, follows none of before, and may have ended for that
	metadata := filepath.Join(k.Nodes[0].LogDirs()[0], "__cluster_metadata-0")
	k.must(os.Rename(metadata, filepath.Join(k.dir, "metadata")))
	k.must(k.Start(k.ctx, 0))
	k.wantRecords("t", 0, 0, 1200)
	k.produce("t", 0, 1200, 10)
	k.row("5.1", "all controllers, the brokers intact", "1000 + 200",
		"the claim is refused; with restore-quorum \"true\" and the brokers started without their __cluster_metadata-0 all 1200")
}

// quorum describes the quorum, once a controller has all that the leader knows
// to be committed; -1: once there is a leader.
func (k *kafka) quorum(id int32) (found kmsg.DescribeQuorumResponseTopicPartition) {
	k.Helper()
	client, err := k.Client()
	k.must(err)
	defer client.Close()
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic, partition := kmsg.NewDescribeQuorumRequestTopic(), kmsg.NewDescribeQuorumRequestTopicPartition()
	topic.Topic, topic.Partitions = "__cluster_metadata", append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		resp, err := req.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
			return fmt.Errorf("the quorum is not described: %w", kerr.ErrorForCode(resp.ErrorCode))
		}
		found = resp.Topics[0].Partitions[0]
		if id < 0 && found.ErrorCode == 0 && found.LeaderID >= 0 {
			return nil
		}
		for _, v := range found.CurrentVoters {
			if v.ReplicaID == id && v.LogEndOffset >= found.HighWatermark && found.HighWatermark > 0 {
				return nil
			}
		}
		return fmt.Errorf("controller %d has not caught up with offset %d: %+v, %w", id, found.HighWatermark, found.CurrentVoters, kerr.ErrorForCode(found.ErrorCode))
	}))
	return found
}

// TestCombinedLost loses one of three combined nodes.
func TestCombinedLost(t *testing.T) {
	k := start(t, Options{Nodes: []NodeSpec{{ID: 0, Role: Combined}, {ID: 1, Role: Combined}, {ID: 2, Role: Combined}}})
	k.must(k.CreateTopic(k.ctx, "one", nil, []int32{0}))
	k.must(k.CreateTopic(k.ctx, "three", nil, []int32{0, 1, 2}))
	k.produce("one", 0, 0, 1000)
	k.produce("three", 0, 0, 1000)
	run := k.snapshot()
	k.produce("one", 0, 1000, 200)
	k.produce("three", 0, 1000, 200)
	k.must(k.Lose(k.ctx, 0))
	k.wantRefused(0, "combined")
	k.annotate(v1alpha1.AnnotationRestoreQuorum, "true")
	k.wantAnswer(0, run)
	k.must(k.InSync(k.ctx, "three", 0, 2))
	k.must(k.Recover(k.ctx, 0))
	k.must(k.InSync(k.ctx, "three", 0, 3))
	k.wantRecords("one", 0, 0, 1000)
	k.wantRecords("three", 0, 0, 1200)
	k.row("5.2", "one of three combined nodes, RF 1 and RF 3", "1000 + 200 in each", "the claim is refused; with restore-quorum \"true\" 1000 of RF 1, 1200 of RF 3")
}

// TestRolledBack takes the whole cluster back to one run, and then loses a
// volume: the runs that were left aside are not chosen.
func TestRolledBack(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	all := []int{100, 0, 1}
	k.must(k.CreateTopic(k.ctx, "one", nil, []int32{0}))
	k.must(k.CreateTopic(k.ctx, "two", nil, []int32{0, 1}))
	topics := []string{"one", "two"}
	for _, topic := range topics {
		k.produce(topic, 0, 0, 1000)
	}
	first := k.snapshot()
	between := time.Now().UTC().Truncate(time.Second).Add(time.Second)
	for _, topic := range topics {
		k.produce(topic, 0, 1000, 200)
	}
	k.must(k.Eventually(k.ctx, func(context.Context) error {
		if now := time.Now(); !now.After(between.Add(time.Second)) {
			return fmt.Errorf("it is %s", now)
		}
		return nil
	}))
	k.snapshot()
	k.annotate(v1alpha1.AnnotationRestoreBefore, between.Format(time.RFC3339))
	k.annotate(v1alpha1.AnnotationRestoreQuorum, "true")
	k.loseAll(all...)
	for _, id := range all {
		k.wantAnswer(id, first)
	}
	k.must(k.Recover(k.ctx, all...))
	for _, topic := range topics {
		k.wantRecords(topic, 0, 0, 1000)
		k.produce(topic, 0, 5000, 50)
	}
	k.row("5.3", "everything, taken back to the run before the last by restore-before, RF 1 and RF 2", "1000 + 200 in each", "1000 of each")

	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		var list snapshotv1.VolumeSnapshotList
		if err := k.api.List(ctx, &list, client.InNamespace(k.Namespace)); err != nil {
			return err
		}
		abandoned := 0
		for _, vs := range list.Items {
			if _, ok := vs.Annotations[v1alpha1.AnnotationAbandoned]; ok {
				abandoned++
			}
		}
		if abandoned != len(all) {
			return fmt.Errorf("%d of %d later snapshots are marked as abandoned", abandoned, len(all))
		}
		return nil
	}))
	k.must(k.api.Patch(k.ctx, k.kb, client.RawPatch("application/merge-patch+json",
		[]byte(fmt.Sprintf(`{"metadata":{"annotations":{%q:null}}}`, v1alpha1.AnnotationRestoreBefore)))))
	k.must(k.Lose(k.ctx, 0))
	k.must(k.InSync(k.ctx, "two", 0, 1))
	k.must(k.Recover(k.ctx, 0))
	k.wantRestored(0, 0, first)
	k.must(k.InSync(k.ctx, "two", 0, 2))
	k.wantRecords("one", 0, 0, 1000)
	k.wantRecords("two", 0, 0, 1000, 5000, 5050)
	k.row("5.4", "one broker right after that", "1000 + 50 in each", "1000 of RF 1, 1050 of RF 2: what was left aside is not chosen")
}
