package plan

import (
	"fmt"
	"strings"
)

// Shape is the manner of an operator.
type Shape string

// The shapes of Kafka clusters.
const (
	Koperator   Shape = "koperator"   // generated names
	Strimzi     Shape = "strimzi"     // fixed names, KRaft controllers in a pool of their own
	StatefulSet Shape = "statefulset" // Kubernetes' own controller makes the claims
)

// Layout is what a run consists of. It is the same for all seeds.
type Layout struct {
	Clusters []Cluster
	Programs []string // that faults may kill
}

// Cluster is a Kafka cluster, alone in its namespace.
type Cluster struct {
	Namespace, Name string
	Shape           Shape
	Volumes         []Volume
}

// Volume is the one disk of a node.
type Volume struct {
	Key        string // of the volume, in records and in its own data
	Namespace  string
	Claim      string // name of its claim, or the beginning of the generated one
	Node       int
	Pool       string // of Strimzi
	Controller bool   // it holds a vote of the quorum, and no topic
}

// Brokers are the volumes that hold topics.
func (c Cluster) Brokers() []Volume {
	var brokers []Volume
	for _, v := range c.Volumes {
		if !v.Controller {
			brokers = append(brokers, v)
		}
	}
	return brokers
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

// Standard is the layout that every run has.
func Standard() Layout {
	l := Layout{Programs: []string{"etcd", "kube-apiserver", "kube-controller-manager", "snapshot-controller", "csi-snapshotter",
		"csi-provisioner", "csi-driver", "webhook-0", "webhook-1", "scheduler-0", "scheduler-1"}}
	for _, shape := range []Shape{Koperator, Strimzi, StatefulSet} {
		c := Cluster{Namespace: string(shape), Name: "kafka", Shape: shape}
		for node := range 3 {
			c.Volumes = append(c.Volumes, volume(c, "broker", node))
		}
		if shape == Strimzi {
			for node := 3; node < 6; node++ {
				v := volume(c, "controller", node)
				v.Controller = true
				c.Volumes = append(c.Volumes, v)
			}
		}
		l.Clusters = append(l.Clusters, c)
	}
	return l
}

func volume(c Cluster, pool string, node int) Volume {
	v := Volume{Namespace: c.Namespace, Node: node, Pool: pool}
	switch c.Shape {
	case Koperator:
		v.Claim = fmt.Sprintf("%s-%d-storage-0-", c.Name, node)
	case Strimzi:
		v.Claim = fmt.Sprintf("data-0-%s-%s-%d", c.Name, pool, node)
	case StatefulSet:
		v.Claim = fmt.Sprintf("data-%s-%d", c.Name, node)
	}
	v.Key = v.Namespace + "/" + v.Claim
	return v
}
