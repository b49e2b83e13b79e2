package reach

import (
	"fmt"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// defaultPort is Kafka's own default for a listener.
const defaultPort = 9092

var (
	// clientPort matches the names that charts and people give to the port of a
	// listener for clients, without TLS.
	clientPort = regexp.MustCompile(`(?i)^(tcp-)?(kafka|plain|plaintext|client|clients|broker|internal)$`)

	// otherPort matches the names of ports at which no client gets an answer.
	otherPort = regexp.MustCompile(`(?i)tls|ssl|sasl|controller|metrics|jmx|interbroker|replication|http|rest`)
)

// brokerPods returns the pods that use volumes of brokers.
func brokerPods(inv *inventory.Inventory, pods []corev1.Pod) (found []corev1.Pod) {
	claims := map[string]bool{}
	for _, v := range inv.Volumes {
		if v.Role.HoldsTopics() {
			for _, c := range v.Claims {
				claims[c.Name] = true
			}
		}
	}
	for _, p := range pods {
		if slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && claims[v.PersistentVolumeClaim.ClaimName]
		}) {
			found = append(found, p)
		}
	}
	return found
}

// bootstrap returns addresses of brokers by the Services that lead to their pods,
// for a cluster whose operator says none, or which has none.
func bootstrap(brokers []corev1.Pod, services []corev1.Service) (addresses []string) {
	for _, s := range services {
		selector := labels.SelectorFromSet(s.Spec.Selector)
		leads := func(p corev1.Pod) bool { return selector.Matches(labels.Set(p.Labels)) }
		if len(s.Spec.Selector) == 0 || !slices.ContainsFunc(brokers, leads) {
			continue
		}
		i := slices.IndexFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
			return clientPort.MatchString(p.Name) || p.Port == defaultPort && !otherPort.MatchString(p.Name)
		})
		if i >= 0 {
			addresses = append(addresses, fmt.Sprintf("%s.%s.svc:%d", s.Name, s.Namespace, s.Spec.Ports[i].Port))
		}
	}
	return addresses
}
