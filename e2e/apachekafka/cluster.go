package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// patience is the limit for steps that take a few seconds on an idle machine,
// unless [Options.Patience] says otherwise.
const patience = 3 * time.Minute

// Shape is the way in which an operator makes its claims.
type Shape int

// The shapes there are.
const (
	Koperator Shape = iota // claims with generated names
	Strimzi                // claims with stable names
)

// NodeSpec describes a node that is to be started.
type NodeSpec struct {
	ID    int
	Role  Role
	Disks int // 0 is 1
}

// Brokers asks for one controller, node 100, and n brokers, the first node 0.
func Brokers(n int) []NodeSpec {
	specs := []NodeSpec{{ID: 100, Role: Controller}}
	for id := range n {
		specs = append(specs, NodeSpec{ID: id, Role: Broker})
	}
	return specs
}

// Options describe a Kafka cluster.
type Options struct {
	Namespace string // of the claims; it exists
	Shape     Shape
	Nodes     []NodeSpec
	Config    map[string]string // beside the harness's own, for all nodes
	Secure    string            // SSL or SASL_PLAINTEXT: brokers have one more listener of this protocol
	Feature   string            // name=level, where it is not to have the level of a new cluster
	Client    client.Client     // for the claims; nil: an administrator's
	Owner     types.UID         // of the KafkaCluster that owns Koperator's claims; empty: none
	Patience  time.Duration     // the limit for each step; 0: 3 minutes
	Dir       string            // of the nodes' configurations and logs, which stay; empty: one of temporary files
}

// Cluster is a Kafka cluster, named kafka, and the stand-in for its operator.
type Cluster struct {
	Options
	ID      string // Kafka's cluster id
	Nodes   map[int]*Node
	install *Install
	k8s     *cluster.Cluster
	client  client.Client
	dir     string
}

// New creates the claims of a Kafka cluster and starts its nodes. The caller
// must call Close, also after an error.
func New(ctx context.Context, install *Install, k8s *cluster.Cluster, options Options) (*Cluster, error) {
	c, err := NewNodes(install, options)
	c.k8s, c.client = k8s, options.Client
	if err == nil && c.client == nil {
		c.client, err = cluster.NewClient(k8s.Config)
	}
	if err != nil {
		return c, err
	}
	var ids []int
	for _, spec := range options.Nodes {
		ids = append(ids, spec.ID)
	}
	return c, c.Recover(ctx, ids...)
}

// Close ends all processes and forgets their logs, unless they have a folder. The claims stay.
func (c *Cluster) Close() {
	for _, n := range c.Nodes {
		if n == nil {
			continue
		}
		if n.run != nil {
			n.kill()
		}
		if n.proxy != nil {
			n.proxy.close()
		}
	}
	if c.Dir == "" {
		_ = os.RemoveAll(c.dir) // temporary files
	}
}

// voters is how a node reaches the quorum: a broker through the proxies.
func (c *Cluster) voters(role Role) string {
	var voters []string
	for _, spec := range c.Options.Nodes {
		if spec.Role == Broker {
			continue
		}
		port := c.Nodes[spec.ID].quorum
		if role == Broker && spec.Role == Controller {
			port = c.Nodes[spec.ID].proxy.port()
		}
		voters = append(voters, fmt.Sprintf("%d@%s", spec.ID, loopback(port)))
	}
	return strings.Join(voters, ",")
}

// Launch starts nodes whose disks are there, and does not wait for them.
func (c *Cluster) Launch(ctx context.Context, ids ...int) error {
	for _, id := range ids {
		n := c.Nodes[id]
		if err := c.launch(ctx, n); err != nil {
			return fmt.Errorf("node %d: %w", n.ID, err)
		}
	}
	return nil
}

func (c *Cluster) launch(ctx context.Context, n *Node) error {
	switch servers := c.zooKeepers(); {
	case n.Role == ZooKeeper:
		return n.startZooKeeper(c.install, servers)
	case len(servers) > 0:
		return n.start(c.install, n.config(connect(n, servers), c.Secure, c.Config))
	}
	if err := c.install.format(ctx, c.ID, n.ID, c.Feature, n.LogDirs()); err != nil {
		return err
	}
	return n.start(c.install, n.config(n.vote(c.voters(n.Role)), c.Secure, c.Config))
}

// Start starts nodes whose disks are there, and waits until the brokers among
// them are members of the cluster.
func (c *Cluster) Start(ctx context.Context, ids ...int) error {
	if err := c.Launch(ctx, ids...); err != nil {
		return err
	}
	for _, id := range ids {
		if !c.Nodes[id].Role.serves() {
			continue
		}
		if err := c.ready(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until a broker answers and says that it is in the cluster.
func (c *Cluster) ready(ctx context.Context, id int) error {
	n := c.Nodes[id]
	err := c.Eventually(ctx, func(ctx context.Context) error {
		if n.Ended() {
			return nil
		}
		return n.member(ctx)
	})
	if n.Ended() {
		err = errors.New("it has ended")
	}
	if err != nil {
		return fmt.Errorf("start node %d: %w; its last words:\n%s", id, err, tail(n.Log(), 12))
	}
	return nil
}

// member is an error unless a broker says that it is in the cluster.
func (n *Node) member(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(n.Addr()))
	if err != nil {
		return fmt.Errorf("make a client of node %d: %w", n.ID, err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	brokers, err := kadm.NewClient(client).ListBrokers(ctx)
	if err != nil {
		return fmt.Errorf("node %d does not answer: %w", n.ID, err)
	}
	for _, b := range brokers {
		if int(b.NodeID) == n.ID {
			return nil
		}
	}
	return fmt.Errorf("node %d is not in the cluster yet", n.ID)
}

// Kill ends nodes at once.
func (c *Cluster) Kill(ids ...int) {
	for _, id := range ids {
		c.Nodes[id].kill()
	}
}

// Stop ends nodes cleanly, one after another.
func (c *Cluster) Stop(ids ...int) error {
	for _, id := range ids {
		if err := c.Nodes[id].stop(); err != nil {
			return fmt.Errorf("stop node %d: %w", id, err)
		}
	}
	return nil
}
