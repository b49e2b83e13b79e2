package snapshots

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// OperatorKoperator makes claims and pods for its KafkaClusters.
const OperatorKoperator Operator = "koperator"

// annotationMountPath is the annotation in which Koperator keeps which disk of a
// broker a claim is.
const annotationMountPath = "mountPath"

// The claims of Banzai Cloud's and Adobe's Koperator. Their names are generated,
// so a volume is known by broker id and mount path.
// Source: koperator, pkg/resources/kafka/pvc.go.
var _ = register(Dialect{
	Name:           "koperator",
	Selector:       "app=kafka,kafka_cr,brokerId",
	Operator:       OperatorKoperator,
	order:          orderOperator,
	annotations:    []string{annotationMountPath},
	ownKeys:        true,
	generatedNames: true,
	identify: func(pvc *corev1.PersistentVolumeClaim) (Volume, bool) {
		mountPath := pvc.Annotations[annotationMountPath]
		if mountPath == "" || pvc.Labels["kafka_cr"] == "" || pvc.Labels["brokerId"] == "" {
			return Volume{}, false
		}
		v := Volume{
			Cluster:    pvc.Labels["kafka_cr"],
			Slot:       pvc.Labels["brokerId"] + ":" + mountPath,
			Node:       pvc.Labels["brokerId"],
			Role:       koperatorRole(pvc.Labels["pvcRoles"]),
			Labels:     pick(pvc.Labels, "kafka_cr", "brokerId", "pvcRoles"),
			Peers:      pick(pvc.Labels, "app", "kafka_cr"),
			NodeLabels: pick(pvc.Labels, "app", "kafka_cr", "brokerId"),

			RoleSaid: pvc.Labels["pvcRoles"] != "",
		}
		for _, owner := range pvc.OwnerReferences {
			if owner.Kind == "KafkaCluster" {
				v.ClusterUID = string(owner.UID)
			}
		}
		return v, true
	},
})

// koperatorRole returns the role of the label pvcRoles, which joins roles with
// "_", possibly repeated. The label is absent in the time before KRaft.
func koperatorRole(roles string) Role {
	return RoleOf(strings.Split(roles, "_"))
}
