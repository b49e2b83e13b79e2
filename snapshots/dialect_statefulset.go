package snapshots

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The claims of a StatefulSet of Kafka brokers that are labelled app=kafka. Their
// names, <template>-<statefulset>-<ordinal>, are stable.
var _ = register(Dialect{
	Name:     "statefulset",
	Selector: "app=kafka,!kafka_cr,!app.kubernetes.io/name",
	order:    orderAnyChart,
	identify: func(pvc *corev1.PersistentVolumeClaim) (Volume, bool) {
		return ordinalClaim(pvc, "app")
	},
})

// The same by the labels that Kubernetes recommends.
// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
var _ = register(Dialect{
	Name:     "statefulset-recommended",
	Selector: "app.kubernetes.io/name=kafka,app.kubernetes.io/instance,!app.kubernetes.io/component,!strimzi.io/cluster,!kafka_cr",
	order:    orderAnyChart,
	identify: func(pvc *corev1.PersistentVolumeClaim) (Volume, bool) {
		if strings.HasPrefix(pvc.Name, appLogs) {
			return Volume{}, false
		}
		return ordinalClaim(pvc, "app.kubernetes.io/instance")
	},
})

// appLogs is how Bitnami's chart, and those made after it, name the volumes of
// log4j's files.
const appLogs = "logs-"

var ordinalName = regexp.MustCompile(`^.+-[0-9]+$`)

// ordinalClaim is the volume of a StatefulSet's claim, by its name and the label
// that names its cluster. The role is a broker's, and not said.
func ordinalClaim(pvc *corev1.PersistentVolumeClaim, clusterLabel string) (Volume, bool) {
	if !ordinalName.MatchString(pvc.Name) || pvc.Labels[clusterLabel] == "" {
		return Volume{}, false
	}
	cluster := pvc.Labels[clusterLabel]
	broker := pvc.Name
	if i := strings.Index(pvc.Name, "-"+cluster); i >= 0 { // what comes before is the template's name: data, data-0
		broker = pvc.Name[i+1:]
	}
	return Volume{
		Cluster: cluster,
		Slot:    pvc.Name,
		Broker:  broker,
		Role:    RoleBroker,
		Peers:   pick(pvc.Labels, clusterLabel),
	}, true
}
