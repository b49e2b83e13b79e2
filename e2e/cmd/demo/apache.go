package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/apachekafka"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/kafka"
	"github.com/snapback-dev/snapback/kafka/logdir"
)

// controller is the node of each cluster that is no broker.
const controller = 100

// apache runs Apache Kafka.
type apache struct {
	cluster  *cluster.Cluster
	client   client.Client
	install  *apachekafka.Install
	clusters map[string]*apachekafka.Cluster // by namespace
}

func newApache(c *cluster.Cluster, api client.Client, install *apachekafka.Install) *apache {
	return &apache{c, api, install, map[string]*apachekafka.Cluster{}}
}

func (a *apache) about() []string {
	return []string{"(The brokers are Apache Kafka " + apachekafka.Version + ", and so is the controller beside them.)"}
}

func (a *apache) createCluster(ctx context.Context, namespace string, ids ...int) error {
	if err := createNamespace(ctx, a.client, namespace); err != nil {
		return err
	}
	nodes := []apachekafka.NodeSpec{{ID: controller, Role: apachekafka.Controller}}
	for _, id := range ids {
		nodes = append(nodes, apachekafka.NodeSpec{ID: id, Role: apachekafka.Broker})
	}
	c, err := apachekafka.New(ctx, a.install, a.cluster, apachekafka.Options{Namespace: namespace, Nodes: nodes, Client: a.client})
	a.clusters[namespace] = c // also after an error: it may have processes
	if err != nil {
		return err
	}
	for _, id := range ids {
		pvc, err := c.Claimed(ctx, id, 0)
		if err != nil {
			return err
		}
		say("   broker %d: claim %s, bound", id, pvc.Name)
	}
	return nil
}

func (a *apache) createTopic(ctx context.Context, namespace, topic string, id int) error {
	return a.clusters[namespace].CreateTopic(ctx, topic, nil, []int32{int32(id)})
}

func (a *apache) createBroker(ctx context.Context, namespace string, id int) (*corev1.PersistentVolumeClaim, error) {
	c := a.clusters[namespace]
	if err := c.Recover(ctx, id); err != nil {
		return nil, err
	}
	return c.Claimed(ctx, id, 0)
}

func (a *apache) loseBroker(ctx context.Context, namespace string, id int) (string, error) {
	c := a.clusters[namespace]
	lost, err := c.Claimed(ctx, id, 0)
	if err != nil {
		return "", err
	}
	if err := c.Lose(ctx, id); err != nil {
		return "", fmt.Errorf("lose broker %d of %s: %w", id, namespace, err)
	}
	// The other brokers take note when its session ends.
	return lost.Name, c.Eventually(ctx, func(ctx context.Context) error {
		d, err := c.Partition(ctx, topic, 0)
		if err == nil && d.Leader >= 0 {
			err = fmt.Errorf("%s is still led by broker %d", topic, d.Leader)
		}
		return err
	})
}

// consume waits for the topic's leader, unless the broker's disk has nothing
// of it: Kafka leaves it without one if the broker joins before the controller
// hears of its new log dir.
func (a *apache) consume(ctx context.Context, namespace, topic string, id int) (records [][]byte, err error) {
	c := a.clusters[namespace]
	err = c.Eventually(ctx, func(ctx context.Context) error {
		d, err := c.Partition(ctx, topic, 0)
		if err != nil {
			return err
		}
		if d.Leader >= 0 {
			records, err = kafka.Consume(ctx, a.addr(namespace, id), topic)
			return err
		}
		dir, err := logdir.Read(ctx, c.Nodes[id].LogDirs()[0])
		if err != nil {
			return err
		}
		for _, p := range dir.Partitions {
			if p.Topic == topic && p.Records > 0 {
				return fmt.Errorf("%s has no leader, although broker %d has %d records of it", topic, id, p.Records)
			}
		}
		return nil
	})
	return records, err
}

func (a *apache) askable() bool { return true }

func (a *apache) addr(namespace string, id int) string { return a.clusters[namespace].Nodes[id].Addr() }

func (a *apache) stop() {
	for _, c := range a.clusters {
		c.Close()
	}
}
