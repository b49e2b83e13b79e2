package transfer

import (
	"fmt"

	"github.com/snapback-dev/snapback/kafka/operators"
)

// createStrimzi returns how to give a Kafka of Strimzi its old cluster id. The id
// is empty if the export does not know it.
func createStrimzi(namespace, cluster, id string) string {
	text := "  Strimzi gives a new Kafka another cluster id, with which no broker starts on a restored disk. In this order:\n"
	if id == "" {
		id = "ID"
		text = "  Strimzi gives a new Kafka another cluster id, with which no broker starts on a restored disk. The export does not\n" +
			"  know the old one, the ID below: it is cluster.id in meta.properties of any of the disks.\n"
	}
	return text + fmt.Sprintf("  1. Create the Kafka and its KafkaNodePools with this annotation on the Kafka: strimzi.io/pause-reconciliation: \"true\"\n"+
		"  2. %s\n"+
		"  3. kubectl annotate kafka %s -n %s strimzi.io/pause-reconciliation-\n", operators.PatchClusterID(namespace, cluster, id), cluster, namespace)
}
