package kafka

import (
	"slices"
	"strconv"
	"strings"
)

// BrokerOf returns the id of the broker that runs on a node of Kubernetes' side,
// such as my-cluster-broker-2 or 2. Brokers are known by the first label of the host
// that they advertise, which is the pod's name; or one of the other hosts, such as
// the pod's IP. A host that several advertise tells nothing. Else the number at the
// end of the node's name is the id, which is true for Strimzi and Koperator, and for
// charts that do not start at another number.
func (o *Observation) BrokerOf(node string, hosts ...string) (id int32, ok bool) {
	named := func(b Broker) bool {
		first, _, _ := strings.Cut(b.Host, ".")
		return first == node
	}
	at := func(b Broker) bool { return slices.Contains(hosts, b.Host) }
	for _, is := range []func(Broker) bool{named, at} {
		if i := slices.IndexFunc(o.Brokers, is); i >= 0 && !slices.ContainsFunc(o.Brokers[i+1:], is) {
			return o.Brokers[i].ID, true
		}
	}
	n, err := strconv.ParseInt(node[strings.LastIndex(node, "-")+1:], 10, 32)
	return int32(n), err == nil
}
