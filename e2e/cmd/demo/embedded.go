package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/kafka"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// embedded runs stand-in brokers: see e2e/cmd/broker.
type embedded struct {
	cluster *cluster.Cluster
	client  client.Client
	program string // the broker
	brokers map[string]*broker
}

type broker struct {
	claim   string
	process *kafka.Broker
}

func key(namespace string, id int) string { return fmt.Sprintf("%s/%d", namespace, id) }

func (o *embedded) about() []string {
	return []string{
		"(The brokers are franz-go's kfake: they speak Kafka's protocol and keep their log dir on the",
		"volume, but do not replicate. Every topic has one replica, as my-topic of this story has.)",
	}
}

// createTopic does nothing: the first record creates it, on the only broker
// there is of a cluster.
func (o *embedded) createTopic(context.Context, string, string, int) error { return nil }

func (o *embedded) consume(ctx context.Context, namespace, topic string, id int) ([][]byte, error) {
	return kafka.Consume(ctx, o.addr(namespace, id), topic)
}

func (o *embedded) stop() {
	for _, b := range o.brokers {
		b.process.Kill()
	}
}

func (o *embedded) askable() bool { return false }

func (o *embedded) addr(namespace string, id int) string {
	return o.brokers[key(namespace, id)].process.Addr
}

// createCluster creates a Kafka cluster "kafka" in a namespace of its own.
func (o *embedded) createCluster(ctx context.Context, namespace string, ids ...int) error {
	if err := createNamespace(ctx, o.client, namespace); err != nil {
		return err
	}
	for _, id := range ids {
		pvc, err := o.createBroker(ctx, namespace, id)
		if err != nil {
			return err
		}
		say("   broker %d: claim %s, bound", id, pvc.Name)
	}
	return nil
}

// createBroker creates a broker's claim, waits for its volume and starts the
// broker on it.
func (o *embedded) createBroker(ctx context.Context, namespace string, id int) (*corev1.PersistentVolumeClaim, error) {
	pvc := snapshotstest.KoperatorClaim("kafka", id, "/kafka-logs").In(namespace).Class(cluster.StorageClass).Obj()
	if err := o.client.Create(ctx, pvc); err != nil {
		return nil, fmt.Errorf("create the claim of broker %d: %w", id, err)
	}
	var dir string
	err := cluster.Eventually(ctx, patience, func(ctx context.Context) (err error) {
		dir, err = o.cluster.VolumeDir(ctx, namespace, pvc.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	process, err := kafka.Start(ctx, o.program, dir)
	if err != nil {
		return nil, err
	}
	o.brokers[key(namespace, id)] = &broker{claim: pvc.Name, process: process}
	return pvc, nil
}

// loseBroker kills a broker and deletes its claim; its volume goes with it.
func (o *embedded) loseBroker(ctx context.Context, namespace string, id int) (string, error) {
	lost := o.brokers[key(namespace, id)]
	delete(o.brokers, key(namespace, id))
	lost.process.Kill()
	pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: lost.claim}}
	if err := o.client.Get(ctx, client.ObjectKeyFromObject(pvc), pvc); err != nil {
		return "", fmt.Errorf("read claim %s: %w", lost.claim, err)
	}
	if err := o.client.Delete(ctx, pvc); err != nil {
		return "", fmt.Errorf("delete claim %s: %w", lost.claim, err)
	}
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: pvc.Spec.VolumeName}}
	return lost.claim, cluster.Eventually(ctx, patience, func(ctx context.Context) error {
		if err := o.client.Get(ctx, client.ObjectKeyFromObject(pv), pv); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the volume %s of claim %s is still there: %w", pv.Name, lost.claim, err)
		}
		return nil
	})
}
