package apachekafka

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// ZooKeeperVersion is the Apache Kafka that is fetched for clusters with
// ZooKeeper: 3.9 is the last that has it. zookeeper.pom.xml has it too, and
// brings the ZooKeeper that this Kafka was built with.
const ZooKeeperVersion = "3.9.2"

//go:embed zookeeper.pom.xml
var zooKeeperPOM []byte

// FindZooKeeper returns Apache Kafka with ZooKeeper, as [Find] does without.
func FindZooKeeper(ctx context.Context) (*Install, error) {
	return release{version: ZooKeeperVersion, pom: zooKeeperPOM}.find(ctx)
}

// WithZooKeeper asks for three servers of ZooKeeper, the first node 100, and n
// brokers, the first node 0.
func WithZooKeeper(n int) []NodeSpec {
	specs := []NodeSpec{{ID: firstZooKeeper, Role: ZooKeeper}, {ID: firstZooKeeper + 1, Role: ZooKeeper}, {ID: firstZooKeeper + 2, Role: ZooKeeper}}
	for id := range n {
		specs = append(specs, NodeSpec{ID: id, Role: Broker})
	}
	return specs
}

const firstZooKeeper = 100

// zooKeeperClaim is the claim that Strimzi made for a server of ZooKeeper.
func zooKeeperClaim(id int) *snapshotstest.Claim {
	return snapshotstest.StrimziClaim("kafka", "", id, 0).Named(fmt.Sprintf("data-kafka-zookeeper-%d", id-firstZooKeeper)).
		Label("app.kubernetes.io/name", "zookeeper").Label("strimzi.io/name", "kafka-zookeeper").Label("strimzi.io/component-type", "zookeeper")
}

// zooKeepers are the servers of ZooKeeper; none in a cluster with KRaft.
func (c *Cluster) zooKeepers() []*Node {
	var servers []*Node
	for _, spec := range c.Options.Nodes {
		if spec.Role == ZooKeeper {
			servers = append(servers, c.Nodes[spec.ID])
		}
	}
	return servers
}

// connect is how a broker reaches ZooKeeper.
func connect(n *Node, servers []*Node) map[string]string {
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.Addr())
	}
	return map[string]string{
		"broker.id": fmt.Sprint(n.ID), "zookeeper.connect": strings.Join(addrs, ","),
		"zookeeper.session.timeout.ms": "6000", "zookeeper.connection.timeout.ms": fmt.Sprint(patience.Milliseconds()),
	}
}

// startZooKeeper starts the process of a server of ZooKeeper.
func (n *Node) startZooKeeper(install *Install, servers []*Node) error {
	data := filepath.Join(n.disks[0].volume, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return fmt.Errorf("make ZooKeeper's folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(data, "myid"), fmt.Append(nil, n.ID), 0o644); err != nil {
		return fmt.Errorf("write ZooKeeper's id: %w", err)
	}
	config := map[string]string{
		"dataDir": data, "clientPortAddress": "127.0.0.1", "clientPort": fmt.Sprint(n.client), "admin.enableServer": "false",
		"tickTime": "1000", "initLimit": "20", "syncLimit": "10",
	}
	for _, s := range servers {
		config[fmt.Sprintf("server.%d", s.ID)] = fmt.Sprintf("127.0.0.1:%d:%d", s.peers, s.quorum)
	}
	return n.launch(install, "org.apache.zookeeper.server.quorum.QuorumPeerMain", "zoo.cfg", inFile(config),
		"-Xmx64m", "-Dzookeeper.preAllocSize=64") // KiB; it is 64 MiB otherwise
}

// served is what a server of ZooKeeper says of itself.
type served struct {
	leads bool
	nodes string // how many it has
}

// served asks a server of ZooKeeper. It answers while the quorum is there.
func (n *Node) served() (served, error) {
	conn, err := net.DialTimeout("tcp", n.Addr(), 5*time.Second)
	if err != nil {
		return served{}, fmt.Errorf("reach ZooKeeper %d: %w", n.ID, err)
	}
	defer conn.Close() //nolint:errcheck // nothing is lost with it
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return served{}, fmt.Errorf("ask ZooKeeper %d: %w", n.ID, err)
	}
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return served{}, fmt.Errorf("ask ZooKeeper %d: %w", n.ID, err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return served{}, fmt.Errorf("ask ZooKeeper %d: %w", n.ID, err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(answer)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		said[key] = value
	}
	if said["Mode"] == "" {
		return served{}, fmt.Errorf("ZooKeeper %d does not serve: %s", n.ID, answer)
	}
	return served{leads: said["Mode"] == "leader", nodes: said["Node count"]}, nil
}
