package apachekafka

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/snapback-dev/snapback/e2e/ports"
)

// Role is what a node of a Kafka cluster does.
type Role string

// The roles there are.
const (
	Broker     Role = "broker"
	Controller Role = "controller"
	Combined   Role = "broker,controller"
	ZooKeeper  Role = "zookeeper"
)

// serves reports whether clients of Kafka reach a node of the role.
func (r Role) serves() bool { return r == Broker || r == Combined }

// Node is one node of a Kafka cluster. It outlives its processes and disks.
type Node struct {
	ID     int
	Role   Role
	disks  []disk
	client int // port for clients
	quorum int // port for the quorum, of a controller; for elections, of ZooKeeper
	peers  int // port for nodes of its kind, a broker's behind the proxy; a controller's proxy is for brokers
	secure int // port of the listener that [Options.Secure] asks for
	proxy  *proxy
	dir    string // of the node's configuration and log
	run    *process
}

// disk is a volume of a node: the claim's name now, and its folder.
type disk struct{ claim, volume string }

// newNode makes a node with ports of its own.
func newNode(dir string, spec NodeSpec) (*Node, error) {
	n := &Node{ID: spec.ID, Role: spec.Role, disks: make([]disk, max(1, spec.Disks)), dir: filepath.Join(dir, fmt.Sprint(spec.ID))}
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for node %d: %w", n.ID, err)
	}
	err := ports.Assign(&n.client, &n.quorum, &n.peers, &n.secure)
	if err != nil {
		return nil, fmt.Errorf("make node %d: %w", n.ID, err)
	}
	target := n.peers
	switch n.Role {
	case ZooKeeper:
		return n, nil // a proxy knows Kafka's protocol only
	case Controller:
		target = n.quorum
	}
	n.proxy, err = newProxy(loopback(target))
	return n, err
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// Addr is where clients reach the broker.
func (n *Node) Addr() string { return loopback(n.client) }

// SecureAddr is where clients reach the broker's listener of [Options.Secure].
func (n *Node) SecureAddr() string { return loopback(n.secure) }

// PeersFetched is how many bytes other brokers have got from this one.
func (n *Node) PeersFetched() int64 { return n.proxy.sent.Load() }

// LogDirs are the folders that the node keeps its logs in, one on each disk.
func (n *Node) LogDirs() []string {
	var dirs []string
	for _, d := range n.disks {
		dirs = append(dirs, filepath.Join(d.volume, "kafka"))
	}
	return dirs
}

// Log is what the node has logged since it was first started.
func (n *Node) Log() string {
	content, err := os.ReadFile(filepath.Join(n.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// Ended reports whether the node's process is gone.
func (n *Node) Ended() bool { return n.run == nil || n.run.ended() }

// Stopped reports whether the node's process stands still, as for a snapshot of its
// disk.
func (n *Node) Stopped() bool { return !n.Ended() && n.run.stopped() }

// Continue lets the node's process go on that stands still.
func (n *Node) Continue() { _ = n.run.cmd.Process.Signal(syscall.SIGCONT) } // it may have ended

// defaults are Kafka's own, but for what makes it small and quick.
var defaults = map[string]string{
	"num.partitions":                           "1",
	"auto.create.topics.enable":                "false",
	"offsets.topic.num.partitions":             "1",
	"offsets.topic.replication.factor":         "1",
	"transaction.state.log.num.partitions":     "1",
	"transaction.state.log.replication.factor": "1",
	"transaction.state.log.min.isr":            "1",
	"group.initial.rebalance.delay.ms":         "0",
	"num.network.threads":                      "1",
	"num.io.threads":                           "2",
	"background.threads":                       "2",
	"log.cleaner.dedupe.buffer.size":           "4194304",
	"broker.heartbeat.interval.ms":             "1000",
	"controlled.shutdown.enable":               "true",
}

// vote is how a node reaches the quorum of KRaft.
func (n *Node) vote(voters string) map[string]string {
	return map[string]string{"process.roles": string(n.Role), "node.id": fmt.Sprint(n.ID), "controller.quorum.voters": voters, "controller.listener.names": "CONTROLLER"}
}

// config is the node's server.properties; quorum says how it reaches the one of
// its cluster.
func (n *Node) config(quorum map[string]string, secure string, more map[string]string) string {
	c := maps.Clone(defaults)
	maps.Copy(c, quorum)
	c["listener.security.protocol.map"] = "CLIENT:PLAINTEXT,PEERS:PLAINTEXT,CONTROLLER:PLAINTEXT"
	c["log.dirs"] = strings.Join(n.LogDirs(), ",")
	var listeners []string
	if n.Role != Controller {
		listeners = append(listeners, "CLIENT://"+n.Addr(), "PEERS://"+loopback(n.peers))
		c["advertised.listeners"] = "CLIENT://" + n.Addr() + ",PEERS://" + loopback(n.proxy.port())
		c["inter.broker.listener.name"] = "PEERS"
	}
	if n.Role != Broker {
		listeners = append(listeners, "CONTROLLER://"+loopback(n.quorum))
	}
	if n.Role != Controller && secure != "" {
		listeners = append(listeners, "SECURE://"+n.SecureAddr())
		c["advertised.listeners"] += ",SECURE://" + n.SecureAddr()
		c["listener.security.protocol.map"] += ",SECURE:" + secure
	}
	if n.Role == Combined {
		c["advertised.listeners"] += ",CONTROLLER://" + loopback(n.quorum)
	}
	c["listeners"] = strings.Join(listeners, ",")
	maps.Copy(c, more)
	return inFile(c)
}

func inFile(c map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%s=%s\n", key, c[key])
	}
	return b.String()
}

// start starts the process of a Kafka node.
func (n *Node) start(install *Install, config string) error {
	heap := "-Xmx256m"
	if n.Role == Controller {
		heap = "-Xmx96m"
	}
	return n.launch(install, "kafka.Kafka", "server.properties", config, heap)
}

// launch writes the node's configuration, and starts a class of Java with it.
func (n *Node) launch(install *Install, class, name, config string, flags ...string) (err error) {
	file := filepath.Join(n.dir, name)
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	n.run, err = launch(filepath.Join(n.dir, "log"), install.java, append(install.flags(flags...), class, file)...)
	return err
}

// kill ends the node's process at once, as a lost machine does.
func (n *Node) kill() {
	peaks.add(n.Role, n.run.peak())
	n.run.kill()
}

// stop ends the node's process cleanly.
func (n *Node) stop() error {
	peaks.add(n.Role, n.run.peak())
	return n.run.stop()
}
