package snapshots

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The claims of Bitnami's Kafka chart, of the ZooKeeper that it installs, and of
// charts that use the same labels.
// Source: bitnami/charts, bitnami/kafka/templates.
var _ = register(Dialect{
	Name:     "bitnami",
	Selector: "app.kubernetes.io/name in (kafka,zookeeper),app.kubernetes.io/instance,app.kubernetes.io/component,!strimzi.io/cluster,!kafka_cr",
	order:    orderChart,
	identify: func(pvc *corev1.PersistentVolumeClaim) (Volume, bool) {
		if strings.HasPrefix(pvc.Name, appLogs) {
			return Volume{}, false
		}
		v, ok := ordinalClaim(pvc, "app.kubernetes.io/instance")
		v.RoleSaid = true
		switch pvc.Labels["app.kubernetes.io/component"] {
		case "kafka", "broker": // "kafka" was used before chart 23
		case "controller-eligible": // combined unless the chart's controller.controllerOnly is set
			v.Role = RoleCombined
		case "controller":
			v.Role = RoleController
		case "zookeeper":
			v.Role = RoleZooKeeper
		default: // an exporter, a provisioning job
			return Volume{}, false
		}
		return v, ok
	},
})
