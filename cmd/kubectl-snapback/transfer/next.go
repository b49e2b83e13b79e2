package transfer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Next says, for each Kafka cluster of the snapshots, what is to be done
// before its brokers are created.
func Next(all []Snapshot, namespace string) string {
	type key struct{ namespace, cluster, dialect string }
	newest := map[key]Snapshot{} // the one whose Kafka cluster id counts
	voting := map[key]bool{}     // it has votes, and nobody has said what is to become of them
	for _, s := range all {
		v, err := s.volume()
		if err != nil {
			continue // Decode has said so
		}
		k := key{cmp.Or(namespace, s.Namespace), v.Cluster, v.Dialect}
		voting[k] = voting[k] || v.Role.Quorum() && s.Annotations[v1alpha1.AnnotationRestoreQuorum] == ""
		if old, ok := newest[k]; !ok || scheduled(s) > scheduled(old) {
			newest[k] = s
		}
	}
	keys := make([]key, 0, len(newest))
	for k := range newest {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.dialect, b.dialect))
	})
	var b strings.Builder
	for _, k := range keys {
		b.WriteString("\n")
		b.WriteString(nextOf(k.namespace, k.cluster, k.dialect, newest[k].Annotations))
		if voting[k] {
			fmt.Fprintf(&b, "  Some of its volumes hold votes of the quorum: annotate namespace %s with %s=true to restore those too, or their claims are refused.\n",
				k.namespace, v1alpha1.AnnotationRestoreQuorum)
		}
	}
	return b.String()
}

func scheduled(s Snapshot) string { return s.Annotations[v1alpha1.AnnotationScheduledTime] }

func nextOf(namespace, cluster, dialect string, stamped map[string]string) string {
	var b strings.Builder
	id := stamped[v1alpha1.AnnotationKafkaClusterID]
	fmt.Fprintf(&b, "Kafka cluster %s in namespace %s:\n", cluster, namespace)
	switch {
	case dialect == snapshots.DialectStrimzi:
		if id == "" {
			id = "ID"
			b.WriteString("  Strimzi gives a new Kafka another cluster id, with which no broker starts on a restored disk. The export does not\n" +
				"  know the old one, the ID below: it is cluster.id in meta.properties of any of the disks.\n")
		} else {
			b.WriteString("  Strimzi gives a new Kafka another cluster id, with which no broker starts on a restored disk. In this order:\n")
		}
		fmt.Fprintf(&b, "  1. Create the Kafka and its KafkaNodePools with this annotation on the Kafka: strimzi.io/pause-reconciliation: \"true\"\n"+
			"  2. kubectl patch kafka %s -n %s --subresource=status --type=merge -p '{\"status\":{\"clusterId\":%q}}'\n"+
			"  3. kubectl annotate kafka %s -n %s strimzi.io/pause-reconciliation-\n", cluster, namespace, id, cluster, namespace)
	case id != "":
		fmt.Fprintf(&b, "  Its brokers start on the restored disks only if Kafka's cluster.id is %s: set it before they are created.\n", id)
	default:
		b.WriteString("  Create it as it was: the same name, the same broker ids and mount paths.\n")
	}
	if stamped[v1alpha1.AnnotationRestore] == v1alpha1.ValueLatest {
		b.WriteString("  The first creation of its claims is a restore.\n")
	} else {
		fmt.Fprintf(&b, "  It was not opted in: annotate namespace %s with %s=latest first, or its claims start empty.\n", namespace, v1alpha1.AnnotationRestore)
	}
	return b.String()
}
