package kind

import (
	"context"
	"fmt"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// koperator is a Kafka cluster of Koperator's: its claims have generated names.
var koperator = &shape{
	volumes: int32(len(nodes)),
	podName: func(n node) string { return fmt.Sprintf("%s-%d", kafkaName, n.id) },
	start: func(ctx context.Context, k *kafkaCluster) error {
		never := func(context.Context) (bool, error) { return false, nil }
		k.operator = &operator{kafkaCluster: k, paused: never, claim: func(n node) *snapshotstest.Claim {
			return koperatorClaim(kafkaName, n.id).Label("pvcRoles", n.pool)
		}}
		k.operator.start(ctx)
		return nil
	},
}

// koperatorClaim is the claim of a broker.
func koperatorClaim(cluster string, id int) *snapshotstest.Claim {
	return snapshotstest.KoperatorClaim(cluster, id, "/kafka-logs")
}

// checkKoperator loses two brokers of three together.
func checkKoperator(ctx context.Context, w *world) error {
	return w.kafka.loseAndFind(ctx, 0, nodes[0], nodes[2])
}
