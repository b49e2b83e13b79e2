package operators

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/snapshots"
)

const groupKoperator = "kafka.banzaicloud.io"

// rememberKoperator sets what the KafkaCluster remembers of a volume. Its status has
// a state of each broker until the broker is removed on purpose, and in that a state
// of each volume that was bound. But releases before 0.21 have no state of a broker's
// first disk, and all releases drop the states of a broker whose pod is being
// created again. So a broker counts as new only if it is not in the status at all,
// and the volumes of all others have states.
// Source: koperator, api/v1beta1/kafkacluster_types.go, pkg/resources/kafka and
// pkg/k8sutil/status.go.
func rememberKoperator(ctx context.Context, r *Reader, v *snapshots.Volume) error {
	cluster, err := r.get(ctx, groupKoperator, "KafkaCluster", types.NamespacedName{Namespace: v.Namespace, Name: v.Cluster})
	if err != nil || cluster == nil {
		return err
	}
	brokers, _, _ := unstructured.NestedMap(cluster.Object, "status", "brokersState") // in another form it is unknown
	id, mountPath, _ := strings.Cut(v.Slot, ":")
	all := len(brokers) > 0
	for broker := range brokers {
		states, _, _ := unstructured.NestedMap(brokers, broker, "gracefulActionState", "volumeStates")
		_, known := states[mountPath]
		if known && broker == id {
			v.Memory = snapshots.MemoryLost
			return nil
		}
		all = all && broker != id && known
	}
	if all {
		v.Memory = snapshots.MemoryNew
	}
	return nil
}
