package recovery

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
)

// identify returns Kafka's id of a node. An id that only looks like the node's, and
// is another broker's, would let the wrong question be asked.
func identify(o *kafka.Observation, node string, inv *inventory.Inventory, around Around) (id int32, why string) {
	own := podsOfNode(node, inv, around)
	hosts := hostsOf(own)
	id, ok := o.BrokerOf(node, hosts...)
	if !ok {
		return 0, fmt.Sprintf("which of Kafka's brokers %s is, is not known: no broker advertises its name, which has no number", node)
	}
	for _, b := range o.Brokers {
		first, _, _ := strings.Cut(b.Host, ".")
		switch {
		case b.ID != id:
		case first == node || slices.Contains(hosts, b.Host):
			return id, ""
		default:
			if other := another(first, b.Host, node, own, inv, around); other != "" {
				return 0, fmt.Sprintf("which of Kafka's brokers %s is, is not known: broker %d is %s", node, id, other)
			}
		}
	}
	if text := numbered(o, node, inv, around); text != "" {
		return 0, fmt.Sprintf("which of Kafka's brokers %s is, is not known: no broker advertises its name or address, and the numbers in names are no ids here: %s", node, text)
	}
	if !o.Registered(id) {
		for range o.EachReplicaOf(id) {
			return id, ""
		}
		return 0, fmt.Sprintf("Kafka knows nothing of a broker %d, which %s should be", id, node)
	}
	return id, ""
}

// podsOfNode returns the pods that use volumes of a node.
func podsOfNode(node string, inv *inventory.Inventory, around Around) (own []*corev1.Pod) {
	for n := range inv.Volumes {
		if v := &inv.Volumes[n]; v.Node == node {
			own = append(own, podsOf(v, around.Pods)...)
		}
	}
	return own
}

// hostsOf returns the IPs of pods that are theirs alone: not one of a pod that has
// ended, which another may have by now, nor one of a Kubernetes node.
func hostsOf(pods []*corev1.Pod) (hosts []string) {
	for _, p := range pods {
		if ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed; !ended && !p.Spec.HostNetwork && p.Status.PodIP != "" {
			hosts = append(hosts, p.Status.PodIP)
		}
	}
	return hosts
}

// another returns the node or the pod, other than those of a node, that a broker
// advertises; empty: none that is known.
func another(first, host, node string, own []*corev1.Pod, inv *inventory.Inventory, around Around) string {
	if slices.ContainsFunc(inv.Volumes, func(v inventory.Volume) bool { return v.Node == first && v.Node != node }) {
		return first
	}
	for n := range around.Pods {
		p := &around.Pods[n]
		is := p.Name == first || p.Spec.Hostname == first && first != "" || slices.Contains(hostsOf([]*corev1.Pod{p}), host)
		if is && !slices.ContainsFunc(own, func(o *corev1.Pod) bool { return o.Name == p.Name }) && !numbersAreIDs(node, inv) {
			return "pod " + p.Name
		}
	}
	return ""
}

// numbersAreIDs reports whether the node's operator takes the number in its name for
// Kafka's id.
func numbersAreIDs(node string, inv *inventory.Inventory) bool {
	return slices.ContainsFunc(inv.Volumes, func(v inventory.Volume) bool { return v.Node == node && v.Operator() != "" })
}

// numbered returns what speaks against ids that are the numbers in names: charts may
// count ids from another number than pods. Brokers that advertise their names tell;
// else all ids are compared with all nodes.
func numbered(o *kafka.Observation, node string, inv *inventory.Inventory, around Around) string {
	if numbersAreIDs(node, inv) {
		return ""
	}
	nodes, told := map[int32]string{}, false
	for _, v := range inv.Volumes {
		number, ok := (&kafka.Observation{}).BrokerOf(v.Node) // by the number alone
		if !ok || !v.Role.HoldsTopics() {
			continue
		}
		if id, _ := o.BrokerOf(v.Node); id != number {
			return fmt.Sprintf("%s is broker %d", v.Node, id)
		}
		if other := nodes[number]; other != "" && other != v.Node {
			return fmt.Sprintf("%s and %s have the same", other, v.Node)
		}
		nodes[number] = v.Node
		told = told || slices.ContainsFunc(o.Brokers, func(b kafka.Broker) bool { return strings.HasPrefix(b.Host+".", v.Node+".") })
	}
	if told {
		return ""
	}
	return uncounted(o, nodes, inv, around)
}

// uncounted returns an id without a node, or a node without an id.
func uncounted(o *kafka.Observation, nodes map[int32]string, inv *inventory.Inventory, around Around) string {
	for id, name := range nodes {
		if !o.Registered(id) && slices.ContainsFunc(podsOfNode(name, inv, around), isReady) {
			return fmt.Sprintf("%s runs, and Kafka has no broker %d", name, id)
		}
	}
	known := map[int32]bool{}
	for _, b := range o.Brokers {
		known[b.ID] = true
	}
	for _, t := range o.Topics {
		for _, p := range t.Partitions {
			for _, id := range p.Replicas {
				known[id] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if nodes[id] == "" {
			return fmt.Sprintf("no node has that of broker %d", id)
		}
	}
	return ""
}
