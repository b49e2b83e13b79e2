package snapshots

import (
	corev1 "k8s.io/api/core/v1"
)

// The claims of Confluent for Kubernetes: those of Kafka, of its KRaft controllers
// and of ZooKeeper share a clusterId.
// Source: Confluent's documentation of the labels of its pods and claims.
var _ = register(Dialect{
	Name:     "confluent",
	Selector: "confluent-platform=true,clusterId,type in (kafka,kraftcontroller,zookeeper)",
	order:    orderChart,
	identify: func(pvc *corev1.PersistentVolumeClaim) (Volume, bool) {
		if class := pvc.Spec.StorageClassName; class != nil && *class == "dummy" { // never provisioned
			return Volume{}, false
		}
		v, ok := ordinalClaim(pvc, "clusterId")
		v.RoleSaid = true
		switch pvc.Labels["type"] {
		case "kraftcontroller":
			v.Role = RoleController
		case "zookeeper":
			v.Role = RoleZooKeeper
		}
		return v, ok
	},
})

// The claims of Confluent's former Helm charts.
// Source: confluentinc/cp-helm-charts, charts/cp-kafka/templates.
var _ = register(Dialect{
	Name:     "cp-helm-charts",
	Selector: "app in (cp-kafka,cp-zookeeper),release",
	order:    orderChart,
	identify: func(pvc *corev1.PersistentVolumeClaim) (Volume, bool) {
		v, ok := ordinalClaim(pvc, "release")
		v.RoleSaid = true
		if pvc.Labels["app"] == "cp-zookeeper" {
			v.Role = RoleZooKeeper
		}
		return v, ok
	},
})
