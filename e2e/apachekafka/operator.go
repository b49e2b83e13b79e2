package apachekafka

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// Claim is the claim that the operator makes for a disk of a node.
func (c *Cluster) Claim(id, disk int) *corev1.PersistentVolumeClaim {
	var claim *snapshotstest.Claim
	switch role := c.Nodes[id].Role; {
	case role == ZooKeeper:
		claim = zooKeeperClaim(id)
	case c.Shape == Strimzi:
		pool := map[Role]string{Broker: "broker", Controller: "controller", Combined: "dual"}[role]
		claim = snapshotstest.StrimziClaim("kafka", pool, id, disk)
	default:
		pvcRoles := map[Role]string{Broker: "broker", Controller: "controller", Combined: "broker_controller"}[role]
		claim = snapshotstest.KoperatorClaim("kafka", id, fmt.Sprintf("/kafka-logs-%d", disk)).Label("pvcRoles", pvcRoles)
	}
	pvc := claim.In(c.Namespace).Class(cluster.StorageClass).Obj()
	if c.Owner != "" && c.Shape == Koperator {
		pvc.OwnerReferences = []metav1.OwnerReference{{APIVersion: "kafka.banzaicloud.io/v1beta1", Kind: "KafkaCluster", Name: "kafka", UID: c.Owner}}
	}
	return pvc
}

// Lose kills a node, unless it has ended, and deletes the claims of some of
// its disks, all if none is named; their volumes go with them.
func (c *Cluster) Lose(ctx context.Context, id int, disks ...int) error {
	n := c.Nodes[id]
	n.kill()
	if len(disks) == 0 {
		for i := range n.disks {
			disks = append(disks, i)
		}
	}
	for _, i := range disks {
		if err := c.deleteClaim(ctx, n.disks[i].claim); err != nil {
			return err
		}
		n.disks[i] = disk{}
	}
	return nil
}

func (c *Cluster) deleteClaim(ctx context.Context, name string) error {
	pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: name}}
	if err := c.client.Get(ctx, client.ObjectKeyFromObject(pvc), pvc); err != nil {
		return fmt.Errorf("read claim %s: %w", name, err)
	}
	if err := c.client.Delete(ctx, pvc); err != nil {
		return fmt.Errorf("delete claim %s: %w", name, err)
	}
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: pvc.Spec.VolumeName}}
	return c.Eventually(ctx, func(ctx context.Context) error {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(pv), pv); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the volume %s of claim %s is still there: %w", pv.Name, name, err)
		}
		return nil
	})
}

// CreateClaims makes the claims that the nodes lack, and waits until they are
// bound.
func (c *Cluster) CreateClaims(ctx context.Context, ids ...int) error {
	for _, id := range ids {
		n := c.Nodes[id]
		for i := range n.disks {
			if n.disks[i].claim != "" {
				continue
			}
			pvc := c.Claim(id, i)
			if err := c.client.Create(ctx, pvc); err != nil {
				return fmt.Errorf("create the claim of node %d: %w", id, err)
			}
			n.disks[i].claim = pvc.Name
		}
	}
	for _, id := range ids {
		for i := range c.Nodes[id].disks {
			d := &c.Nodes[id].disks[i]
			err := c.Eventually(ctx, func(ctx context.Context) (err error) {
				d.volume, err = c.k8s.VolumeDir(ctx, c.Namespace, d.claim)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Recover does what an operator does about nodes that are not there: it makes
// their claims, and starts them.
func (c *Cluster) Recover(ctx context.Context, ids ...int) error {
	if err := c.CreateClaims(ctx, ids...); err != nil {
		return err
	}
	return c.Start(ctx, ids...)
}

// Claimed reads the claim of a node's disk.
func (c *Cluster) Claimed(ctx context.Context, id, disk int) (*corev1.PersistentVolumeClaim, error) {
	pvc := &corev1.PersistentVolumeClaim{}
	key := client.ObjectKey{Namespace: c.Namespace, Name: c.Nodes[id].disks[disk].claim}
	if err := c.client.Get(ctx, key, pvc); err != nil {
		return nil, fmt.Errorf("read claim %s of node %d: %w", key.Name, id, err)
	}
	return pvc, nil
}
