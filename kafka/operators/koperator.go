package operators

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/snapshots"
)

const groupKoperator = "kafka.banzaicloud.io"

// rememberKoperator adds what the KafkaCluster tells of a volume. It has a state of each
// broker until that is removed on purpose, and in it one of each volume that was
// bound; but releases before 0.21 have none of a broker's first disk, and all of
// them drop those of a broker whose pod is being made again. So only a broker
// that is not there at all, beside others whose volumes all have states, is new.
// Source: koperator, api/v1beta1/kafkacluster_types.go, pkg/resources/kafka and
// pkg/k8sutil/status.go.
func rememberKoperator(ctx context.Context, r *Reader, v *snapshots.Volume) error {
	cluster, err := r.get(ctx, groupKoperator, "KafkaCluster", types.NamespacedName{Namespace: v.Namespace, Name: v.Cluster})
	if err != nil || cluster == nil {
		return err
	}
	brokers, _, _ := unstructured.NestedMap(cluster.Object, "status", "brokersState") // of another form: not known
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
