package operators

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/snapshots"
)

const groupKoperator = "kafka.banzaicloud.io"

// koperator adds what the KafkaCluster tells of a volume: it has a state of each
// that was ever bound, until the disk or its broker is removed on purpose.
// Source: koperator, api/v1beta1/kafkacluster_types.go and pkg/resources/kafka.
func (r *Reader) koperator(ctx context.Context, v *snapshots.Volume) error {
	cluster, err := r.get(ctx, groupKoperator, "KafkaCluster", types.NamespacedName{Namespace: v.Namespace, Name: v.Cluster})
	if err != nil || cluster == nil {
		return err
	}
	brokers, _, _ := unstructured.NestedMap(cluster.Object, "status", "brokersState") // of another form: not known
	id, mountPath, _ := strings.Cut(v.Slot, ":")
	for broker := range brokers {
		states, _, _ := unstructured.NestedMap(brokers, broker, "gracefulActionState", "volumeStates")
		if len(states) > 0 && v.Memory == snapshots.MemoryUnknown {
			v.Memory = snapshots.MemoryNew // it keeps such states, and may have none of this volume
		}
		if _, known := states[mountPath]; known && broker == id {
			v.Memory = snapshots.MemoryLost
		}
	}
	return nil
}
