package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Shape is the manner of an operator.
type Shape string

// The shapes of Kafka clusters.
const (
	Koperator   Shape = "koperator"   // generated names
	Strimzi     Shape = "strimzi"     // fixed names, pools of nodes
	StatefulSet Shape = "statefulset" // Kubernetes' own controller makes the claims
)

// Layout is what a run consists of. It is the same for all seeds, but for the cluster of
// Apache Kafka, which can be left out.
type Layout struct {
	Clusters []Cluster
	Programs []string // that faults may kill
}

// Cluster is a Kafka cluster, alone in its namespace.
type Cluster struct {
	Namespace, Name string
	Shape           Shape
	ConfigMap       bool // its KafkaBackup is one
	Apache          bool // its brokers are processes of Apache Kafka
	Volumes         []Volume
}

// Volume is a disk of a node.
type Volume struct {
	Key        string // of the volume, in records and in its own data
	Namespace  string
	Claim      string // name of its claim, or the beginning of the generated one
	Node, Disk int
	Pool       string // of Strimzi; each has one role
	Controller bool   // its node has a vote of the quorum
}

// The pools of Strimzi, by the roles of their nodes.
const (
	PoolBroker     = "broker"
	PoolController = "controller"
	PoolCombined   = "combined"
)

// MountPath is where the disk is in Koperator's pods.
func (v Volume) MountPath() string {
	if v.Disk == 0 {
		return "/kafka-logs"
	}
	return fmt.Sprintf("/kafka-logs-%d", v.Disk)
}

// Brokers are the volumes that hold topics.
func (c Cluster) Brokers() []Volume {
	return c.where(func(v Volume) bool { return v.Pool != PoolController })
}

// Node is the volumes of a node.
func (c Cluster) Node(node int) []Volume {
	return c.where(func(v Volume) bool { return v.Node == node })
}

// Pools are the names of the pools of nodes.
func (c Cluster) Pools() (pools []string) {
	for _, v := range c.Volumes {
		if !slices.Contains(pools, v.Pool) {
			pools = append(pools, v.Pool)
		}
	}
	return pools
}

func (c Cluster) where(wanted func(Volume) bool) (found []Volume) {
	for _, v := range c.Volumes {
		if wanted(v) {
			found = append(found, v)
		}
	}
	return found
}

// Nodes are the numbers of the nodes.
func (c Cluster) Nodes() (nodes []int) {
	for _, v := range c.Volumes {
		if !slices.Contains(nodes, v.Node) {
			nodes = append(nodes, v.Node)
		}
	}
	return nodes
}

// Volume finds a volume by its key.
func (l Layout) Volume(key string) (Volume, bool) {
	for _, c := range l.Clusters {
		for _, v := range c.Volumes {
			if v.Key == key {
				return v, true
			}
		}
	}
	return Volume{}, false
}

// Cluster finds a cluster by its namespace.
func (l Layout) Cluster(namespace string) (Cluster, bool) {
	for _, c := range l.Clusters {
		if c.Namespace == namespace {
			return c, true
		}
	}
	return Cluster{}, false
}

// VolumeOf returns the volume that a claim is of: its name, or the beginning of its
// generated name, says that in every shape.
func (l Layout) VolumeOf(namespace, claim string) (Volume, bool) {
	c, _ := l.Cluster(namespace)
	for _, v := range c.Volumes {
		if claim == v.Claim || c.Shape == Koperator && strings.HasPrefix(claim, v.Claim) {
			return v, true
		}
	}
	return Volume{}, false
}

// Apache finds the cluster of Apache Kafka.
func (l Layout) Apache() (Cluster, bool) {
	for _, c := range l.Clusters {
		if c.Apache {
			return c, true
		}
	}
	return Cluster{}, false
}

// WithoutApache is the layout without the cluster of Apache Kafka, and the steps that
// are aimed at others: to leave it out changes no other step.
func (l Layout) WithoutApache(steps []Step) (Layout, []Step) {
	at := func(s Step) bool {
		c, ok := l.Cluster(s.Args.Namespace())
		return ok && c.Apache
	}
	steps = slices.DeleteFunc(slices.Clone(steps), at)
	l.Clusters = slices.DeleteFunc(slices.Clone(l.Clusters), func(c Cluster) bool { return c.Apache })
	return l, steps
}

// Standard is the layout that seeds draw from: Koperator's brokers with two disks each,
// Strimzi's with controllers of their own, nodes that are both with two disks each,
// a StatefulSet, and three brokers of Apache Kafka.
func Standard() Layout {
	return Layout{
		Programs: []string{"etcd", "kube-apiserver", "kube-controller-manager", "snapshot-controller", "csi-snapshotter",
			"csi-provisioner", "csi-driver", "webhook-0", "webhook-1", "scheduler-0", "scheduler-1"},
		Clusters: []Cluster{
			cluster("koperator", Koperator, 2, PoolBroker),
			cluster("strimzi", Strimzi, 1, PoolBroker, PoolController),
			cluster("combined", Strimzi, 2, PoolCombined),
			inConfigMap(cluster("statefulset", StatefulSet, 1, PoolBroker)),
			ofApache(cluster("apache", Strimzi, 1, PoolBroker)),
		},
	}
}

// nodesOfPool is how many nodes each pool has.
const nodesOfPool = 3

// cluster has pools of nodes, each with so many disks.
func cluster(namespace string, shape Shape, disks int, pools ...string) Cluster {
	c := Cluster{Namespace: namespace, Name: "kafka", Shape: shape}
	for i, pool := range pools {
		for node := range nodesOfPool {
			for disk := range disks {
				c.Volumes = append(c.Volumes, volume(c, pool, i*nodesOfPool+node, disk))
			}
		}
	}
	return c
}

func inConfigMap(c Cluster) Cluster {
	c.ConfigMap = true
	return c
}

func ofApache(c Cluster) Cluster {
	c.Apache = true
	return c
}

func volume(c Cluster, pool string, node, disk int) Volume {
	v := Volume{Namespace: c.Namespace, Node: node, Disk: disk, Pool: pool, Controller: pool != PoolBroker}
	switch c.Shape {
	case Koperator:
		v.Claim = fmt.Sprintf("%s-%d-storage-%d-", c.Name, node, disk)
	case Strimzi:
		v.Claim = fmt.Sprintf("data-%d-%s-%s-%d", disk, c.Name, pool, node)
	case StatefulSet:
		v.Claim = fmt.Sprintf("data-%s-%d", c.Name, node)
	}
	v.Key = v.Namespace + "/" + v.Claim
	return v
}
