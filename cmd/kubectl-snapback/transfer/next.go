package transfer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Next returns, for each Kafka cluster of the snapshots, what to do before its
// brokers are created.
func Next(all []Snapshot, namespace string) string {
	type key struct {
		namespace, cluster, dialect string
		operator                    snapshots.Operator
	}
	newest := map[key]Snapshot{} // the one whose Kafka cluster id counts
	voting := map[key]bool{}     // clusters with votes for which restore-quorum is not set
	for _, s := range all {
		v, err := s.volume()
		if err != nil {
			continue // Decode has reported it
		}
		k := key{cmp.Or(namespace, s.Namespace), v.Cluster, v.Dialect, v.Operator()}
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
		b.WriteString(nextOf(k.namespace, k.cluster, k.operator, newest[k].Annotations))
		if voting[k] {
			fmt.Fprintf(&b, "  Some of its volumes hold votes of the quorum: annotate namespace %s with %s=true to restore those too, or their claims are refused.\n",
				k.namespace, v1alpha1.AnnotationRestoreQuorum)
		}
	}
	return b.String()
}

func scheduled(s Snapshot) string { return s.Annotations[v1alpha1.AnnotationScheduledTime] }

// creations has, by operator, what to do so that brokers start on restored disks.
// Operators that are not in it keep the cluster id that they are given.
var creations = map[snapshots.Operator]func(namespace, cluster, id string) string{
	snapshots.OperatorStrimzi: createStrimzi,
}

func nextOf(namespace, cluster string, operator snapshots.Operator, stamped map[string]string) string {
	var b strings.Builder
	id := stamped[v1alpha1.AnnotationKafkaClusterID]
	fmt.Fprintf(&b, "Kafka cluster %s in namespace %s:\n", cluster, namespace)
	switch create := creations[operator]; {
	case create != nil:
		b.WriteString(create(namespace, cluster, id))
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
