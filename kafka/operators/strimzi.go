package operators

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/snapshots"
)

const groupStrimzi = "kafka.strimzi.io"

// completeStrimzi adds Kafka's cluster.id and the UID of the Kafka resource. From
// the node pool it adds the node's role, and whether the node existed before. The
// pool's name is empty for ZooKeeper, and in clusters without node pools.
func completeStrimzi(ctx context.Context, r *Reader, v *snapshots.Volume, pvc *corev1.PersistentVolumeClaim) error {
	kafka, err := r.get(ctx, groupStrimzi, "Kafka", types.NamespacedName{Namespace: v.Namespace, Name: v.Cluster})
	if err != nil {
		return err
	}
	if kafka != nil {
		v.ClusterUID = string(kafka.GetUID())
		v.KafkaClusterID = ClusterIDOf(kafka)
	}
	poolName := pvc.Labels["strimzi.io/pool-name"]
	if poolName == "" {
		return nil
	}
	pool, err := r.get(ctx, groupStrimzi, "KafkaNodePool", types.NamespacedName{Namespace: v.Namespace, Name: poolName})
	if err != nil || pool == nil {
		return err
	}
	roles, _, err := unstructured.NestedStringSlice(pool.Object, "spec", "roles")
	if err != nil {
		return fmt.Errorf("read spec.roles of kafkanodepool %s/%s: %w", v.Namespace, poolName, err)
	}
	if len(roles) > 0 {
		v.Role, v.RoleSaid = snapshots.RoleOf(roles), true
	}
	v.Memory = remembered(pool, v.Node)
	return nil
}

// remembered returns whether a node of the pool was lost or is new, by the ids in
// the pool's status. Strimzi writes an id there after it has created the node, and
// removes it when the node is scaled down.
// Source: strimzi-kafka-operator, KafkaNodePool's status.nodeIds.
func remembered(pool *unstructured.Unstructured, node string) snapshots.Memory {
	ids, _, _ := unstructured.NestedSlice(pool.Object, "status", "nodeIds") // in another form it is unknown
	id, err := strconv.ParseInt(node[strings.LastIndex(node, "-")+1:], 10, 64)
	switch {
	case err != nil || len(ids) == 0:
		return snapshots.MemoryUnknown
	case slices.Contains(ids, any(id)):
		return snapshots.MemoryLost
	}
	return snapshots.MemoryNew
}

// PatchClusterID returns the command that gives a Kafka of Strimzi the cluster id
// of restored disks: no broker starts on a disk with another one. Strimzi gives a
// Kafka that is made anew a new id, unless it is paused until its status has one.
func PatchClusterID(namespace, cluster, id string) string {
	return fmt.Sprintf("kubectl patch kafka %s -n %s --subresource=status --type=merge -p '%s'", cluster, namespace, ClusterIDPatch(id))
}

// ClusterIDPatch returns the merge patch of that.
func ClusterIDPatch(id string) []byte { return fmt.Appendf(nil, `{"status":{"clusterId":%q}}`, id) }

// ClusterIDOf returns the cluster id that Strimzi has noted for a Kafka; empty if
// there is none yet.
func ClusterIDOf(kafka *unstructured.Unstructured) string {
	id, _, _ := unstructured.NestedString(kafka.Object, "status", "clusterId")
	return id
}
