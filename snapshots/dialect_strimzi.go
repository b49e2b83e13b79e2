package snapshots

import (
	"cmp"
	"regexp"

	corev1 "k8s.io/api/core/v1"
)

// OperatorStrimzi makes claims and pods for its Kafkas. Its claims do not say
// which role their node has: see package operators.
const OperatorStrimzi Operator = "strimzi"

// strimziDisk matches the part in which the names of a node's claims differ.
var strimziDisk = regexp.MustCompile(`^data-([0-9]+-)?`)

// The claims of Strimzi, with and without node pools. Their names are stable and
// unique in the namespace.
// Source: strimzi-kafka-operator, PersistentVolumeClaimUtils.java.
var _ = register(Dialect{
	Name:        "strimzi",
	Selector:    "strimzi.io/cluster,strimzi.io/kind=Kafka,strimzi.io/component-type in (kafka,zookeeper)",
	Operator:    OperatorStrimzi,
	order:       orderOperator,
	ownKeys:     true,
	saysCluster: true,
	identify: func(pvc *corev1.PersistentVolumeClaim) (Volume, bool) {
		if pvc.Name == "" || pvc.Labels["strimzi.io/cluster"] == "" {
			return Volume{}, false
		}
		role := RoleBroker
		if pvc.Labels["strimzi.io/component-type"] == "zookeeper" {
			role = RoleZooKeeper
		}
		return Volume{
			Cluster: pvc.Labels["strimzi.io/cluster"],
			Slot:    pvc.Name,
			Node:    cmp.Or(strimziDisk.ReplaceAllString(pvc.Name, ""), pvc.Name),
			Role:    role,

			RoleSaid: role == RoleZooKeeper, // the node pool says the role of the others

			Labels: pick(pvc.Labels, "strimzi.io/cluster", "strimzi.io/pool-name", "strimzi.io/component-type"),
			Peers:  pick(pvc.Labels, "strimzi.io/cluster", "strimzi.io/kind"),
		}, true
	},
})
