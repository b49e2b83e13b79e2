package doctor

import (
	"context"
	"errors"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestReplication(t *testing.T) {
	replicas := func(ids ...int32) kafka.Partition { return kafka.Partition{Replicas: ids} }
	safe := kafka.Topic{Name: "safe", Partitions: []kafka.Partition{replicas(1, 2), replicas(2, 1)}}
	single := kafka.Topic{Name: "single", Partitions: []kafka.Partition{replicas(1), replicas(1, 2), replicas(2)}}
	want(t, judgeReplication(cluster, &kafka.Observation{Topics: []kafka.Topic{safe}}), OK, "Kafka cluster kafka/kafka: eligible leader replicas are off (level 0)")
	want(t, judgeReplication(cluster, &kafka.Observation{Topics: []kafka.Topic{safe}, ELRKnown: true}), OK, "eligible leader replicas are on (level 1)")
	found := judgeReplication(cluster, &kafka.Observation{Topics: []kafka.Topic{safe, single, {Name: "empty"}}})
	want(t, found, Warning, "2 partitions have one replica: with its broker go the records that were written since the newest snapshot, of topics single")
	want(t, found[1:], OK, "eligible leader replicas")
	found = judgeReplication(cluster, &kafka.Observation{Topics: []kafka.Topic{safe}, Hidden: []string{"payments"}})
	want(t, found, Warning, "may not describe these topics, so that what they would lose is not known: payments")
}

// TestCheckReplication asks each cluster once of which a KafkaBackup wants it.
func TestCheckReplication(t *testing.T) {
	of := func(name, cluster string, asks bool) inventory.Backup {
		b := backup(snapshotstest.NewBackup(name, cluster, "csi"))
		if asks {
			b.Spec.Kafka = &v1alpha1.KafkaAccess{}
		}
		return b
	}
	e := &examination{inventory: &inventory.Inventory{Backups: []inventory.Backup{of("a", "one", true), of("b", "one", true), of("c", "two", false), of("d", "three", true)}}}
	if found, err := checkReplication(t.Context(), e); err != nil || len(found) > 0 {
		t.Errorf("nobody can ask, but: %+v, %v", found, err)
	}
	var asked []string
	e.ask = func(_ context.Context, _ client.Client, i *inventory.Inventory) (*kafka.Observation, error) {
		name := i.Clusters()[0].Name
		if asked = append(asked, name); name == "three" {
			return nil, errors.New("no\nanswer")
		}
		return &kafka.Observation{}, nil
	}
	found, err := checkReplication(t.Context(), e)
	if err != nil || len(found) != 2 || len(asked) != 2 {
		t.Fatalf("asked %q, found %+v, %v", asked, found, err)
	}
	want(t, found, OK, "Kafka cluster kafka/one: eligible leader replicas")
	want(t, found[1:], Skipped, "Kafka cluster kafka/three: Kafka was not asked from here: no answer")
	e.askAll, asked = true, nil
	if found, err = checkReplication(t.Context(), e); err != nil || len(found) != 3 || len(asked) != 3 {
		t.Errorf("of all asked %q, found %+v, %v", asked, found, err)
	}
}
