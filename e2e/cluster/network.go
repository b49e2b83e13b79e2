package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"

	"github.com/snapback-dev/snapback/e2e/ports"
)

// webhookPort is the port of the shipped Service.
const webhookPort = 9443

// network is where the cluster's servers listen: loopback only, on ports and a
// service network that nothing else uses, so that clusters can stand side by
// side.
type network struct {
	etcdClient, etcdPeer, apiserver, controllers int
	health, metrics                              [2]int // of Snapback's webhook and scheduler
	services                                     string // CIDR of the cluster IPs
	webhook                                      string // cluster IP of Snapback's Service, which the webhook listens on itself
}

func newNetwork() (network, error) {
	var n network
	if err := ports.Assign(&n.etcdClient, &n.etcdPeer, &n.apiserver, &n.controllers, &n.health[0], &n.health[1], &n.metrics[0], &n.metrics[1]); err != nil {
		return n, err
	}
	for range 100 {
		// No kube-proxy runs here: a cluster IP works only if somebody listens
		// on it, so the service network is a part of the loopback network.
		prefix := fmt.Sprintf("127.%d.%d.", 64+rand.IntN(63), rand.IntN(256))
		n.services, n.webhook = prefix+"0/24", prefix+"10"
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", n.webhook, webhookPort))
		if err != nil {
			continue
		}
		return n, listener.Close()
	}
	return n, fmt.Errorf("find a free service network: port %d is taken on every address of 127.0.0.0/8 that was tried", webhookPort)
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
