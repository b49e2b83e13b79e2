package snapshots

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The claims with the label app=kafka of a StatefulSet of Kafka brokers. Their
// names, <template>-<statefulset>-<ordinal>, are stable.
var _ = register(Dialect{
	Name:     "statefulset",
	Selector: "app=kafka,!kafka_cr,!app.kubernetes.io/name",
	order:    orderAnyChart,
	identify: func(pvc *corev1.PersistentVolumeClaim) (Volume, bool) {
		return ordinalClaim(pvc, "app")
	},
})

// The claims of such a StatefulSet with the labels that Kubernetes recommends.
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

// appLogs is the prefix by which Bitnami's chart, and charts like it, name the
// volumes of log4j's files.
const appLogs = "logs-"

var ordinalName = regexp.MustCompile(`^.+-[0-9]+$`)

// ordinalClaim returns the volume of a StatefulSet's claim, by its name and the
// label that names its cluster. The role is a guess: broker.
func ordinalClaim(pvc *corev1.PersistentVolumeClaim, clusterLabel string) (Volume, bool) {
	if !ordinalName.MatchString(pvc.Name) || pvc.Labels[clusterLabel] == "" {
		return Volume{}, false
	}
	cluster := pvc.Labels[clusterLabel]
	broker := pvc.Name
	if i := strings.Index(pvc.Name, "-"+cluster); i >= 0 { // the text before it is the template's name, such as data or data-0
		broker = pvc.Name[i+1:]
	}
	return Volume{
		Cluster: cluster,
		Slot:    pvc.Name,
		Node:    broker,
		Role:    RoleBroker,
		Peers:   pick(pvc.Labels, clusterLabel),
	}, true
}
