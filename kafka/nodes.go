package kafka

import (
	"slices"
	"strconv"
	"strings"
)

// BrokerOf returns the id of the broker that runs on a node of Kubernetes' side,
// such as my-cluster-broker-2 or 2. Brokers are known by the first label of the host
// that they advertise, which is the pod's name; or one of the other hosts, such as
// the pod's IP. Else the number at the end of the node's name is the id, which is
// true for Strimzi and Koperator, and for charts that do not start at another
// number.
func (o *Observation) BrokerOf(node string, hosts ...string) (id int32, ok bool) {
	for _, b := range o.Brokers {
		first, _, _ := strings.Cut(b.Host, ".")
		if first == node || slices.Contains(hosts, b.Host) {
			return b.ID, true
		}
	}
	n, err := strconv.ParseInt(node[strings.LastIndex(node, "-")+1:], 10, 32)
	return int32(n), err == nil
}
