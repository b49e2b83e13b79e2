// Package showcase makes Kafka clusters that have something on each screen of the
// plugin's page, and starts the page, for its tests and its pictures.
package showcase

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// never is a schedule that nobody lives to see: runs are asked for.
const never = "0 2 29 2 *"

// patience is the limit for steps that take a second or two on an idle machine.
const patience = time.Minute

const (
	// Kafka is the name of each cluster.
	Kafka = "kafka"
	// Backup is the KafkaBackup whose runs are over.
	Backup = "daily"
	// Slow is the KafkaBackup of a slow storage, with a run under way.
	Slow = "slow"
)

// World is a namespace with a Kafka cluster, and a person who uses the plugin there.
type World struct {
	client.Client
	Namespace  string // it must be there
	Program    string // the plugin
	Kubeconfig string
}

// Broker is the claim of a broker, as Strimzi makes it.
func (w *World) Broker(id int) *corev1.PersistentVolumeClaim {
	return snapshotstest.StrimziClaim(Kafka, "broker", id, 0).In(w.Namespace).Class(cluster.StorageClass).Obj()
}

// ZooKeeper is the claim of the only server of ZooKeeper.
func (w *World) ZooKeeper() *corev1.PersistentVolumeClaim {
	return snapshotstest.StrimziClaim(Kafka, "", 0, 0).Named("data-"+Kafka+"-zookeeper-0").Label("strimzi.io/component-type", "zookeeper").
		In(w.Namespace).Class(cluster.StorageClass).Obj()
}

// Well makes a cluster of three brokers that has been backed up by some runs, and
// lets broker 2 come back from the last one.
func (w *World) Well(ctx context.Context, runs int) error {
	if err := w.claims(ctx, w.Broker(0), w.Broker(1), w.Broker(2)); err != nil {
		return err
	}
	if err := w.backup(ctx, Backup, cluster.SnapshotClass, runs); err != nil {
		return err
	}
	if err := w.optIn(ctx); err != nil {
		return err
	}
	if err := w.lose(ctx, w.Broker(2)); err != nil {
		return err
	}
	if err := w.claims(ctx, w.Broker(2)); err != nil {
		return err
	}
	return w.run(ctx, Backup)
}

// Troubled makes a cluster in which a lot has happened: broker 0 is well, broker 1 is
// lost, broker 2 came back empty and its snapshots since are not proven, and the claim
// of the lost ZooKeeper is refused. A run at a slow storage is under way.
func (w *World) Troubled(ctx context.Context, runs int) error {
	if err := w.claims(ctx, w.Broker(0), w.Broker(1), w.Broker(2), w.ZooKeeper()); err != nil {
		return err
	}
	if err := w.backup(ctx, Backup, cluster.SnapshotClass, runs); err != nil {
		return err
	}
	if err := w.lose(ctx, w.Broker(2)); err != nil { // nobody has opted in yet
		return err
	}
	if err := w.claims(ctx, w.Broker(2)); err != nil {
		return err
	}
	if err := w.run(ctx, Backup); err != nil {
		return err
	}
	if err := w.optIn(ctx); err != nil {
		return err
	}
	if err := w.lose(ctx, w.Broker(1), w.ZooKeeper()); err != nil {
		return err
	}
	return w.runSlowly(ctx)
}

// claims creates claims, and waits for their volumes.
func (w *World) claims(ctx context.Context, claims ...*corev1.PersistentVolumeClaim) error {
	for _, pvc := range claims {
		if err := w.Create(ctx, pvc); err != nil {
			return fmt.Errorf("create claim %s: %w", pvc.Name, err)
		}
	}
	return cluster.Eventually(ctx, patience, func(ctx context.Context) error {
		for _, pvc := range claims {
			if err := w.Get(ctx, client.ObjectKeyFromObject(pvc), pvc); err != nil {
				return fmt.Errorf("read claim %s: %w", pvc.Name, err)
			}
			if pvc.Status.Phase != corev1.ClaimBound {
				return fmt.Errorf("claim %s is %s", pvc.Name, pvc.Status.Phase)
			}
		}
		return nil
	})
}

// lose deletes claims, and waits until their volumes are gone.
func (w *World) lose(ctx context.Context, claims ...*corev1.PersistentVolumeClaim) error {
	for _, pvc := range claims {
		if err := w.Delete(ctx, pvc); err != nil {
			return fmt.Errorf("delete claim %s: %w", pvc.Name, err)
		}
	}
	return cluster.Eventually(ctx, patience, func(ctx context.Context) error {
		var volumes corev1.PersistentVolumeList
		if err := w.List(ctx, &volumes); err != nil {
			return fmt.Errorf("list the volumes: %w", err)
		}
		for _, pvc := range claims {
			if slices.ContainsFunc(volumes.Items, func(pv corev1.PersistentVolume) bool {
				of := pv.Spec.ClaimRef
				return of != nil && of.Namespace == pvc.Namespace && of.Name == pvc.Name
			}) {
				return fmt.Errorf("the volume of claim %s is still there", pvc.Name)
			}
		}
		return nil
	})
}

// backup creates a KafkaBackup and makes runs of it.
func (w *World) backup(ctx context.Context, name, class string, runs int) error {
	kb := snapshotstest.NewBackup(name, Kafka, class).In(w.Namespace).Schedule(never).Obj()
	if err := w.Create(ctx, kb); err != nil {
		return fmt.Errorf("create KafkaBackup %s: %w", name, err)
	}
	for range runs {
		if err := w.run(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// optIn lets lost claims be restored from now on.
func (w *World) optIn(ctx context.Context) error {
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: Backup}}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"latest"}}}`, v1alpha1.AnnotationRestore)
	if err := w.Patch(ctx, kb, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		return fmt.Errorf("opt in to restores: %w", err)
	}
	return nil
}

// run makes a run, of a second of its own.
func (w *World) run(ctx context.Context, name string, flags ...string) error {
	return cluster.Eventually(ctx, patience, func(ctx context.Context) error {
		args := append([]string{"run", name, "-n", w.Namespace, "--kubeconfig", w.Kubeconfig}, flags...)
		if out, err := exec.CommandContext(ctx, w.Program, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("run KafkaBackup %s: %w\n%s", name, err, out)
		}
		return nil
	})
}

// runSlowly begins a run whose snapshots are not ready for an hour.
func (w *World) runSlowly(ctx context.Context) error {
	class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace + "-slow"}, Driver: cluster.DriverName,
		DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete, Parameters: map[string]string{"readyAfter": "1h"}}
	if err := w.Create(ctx, class); err != nil {
		return fmt.Errorf("create a VolumeSnapshotClass: %w", err)
	}
	if err := w.backup(ctx, Slow, class.Name, 0); err != nil {
		return err
	}
	if err := w.run(ctx, Slow, "--wait=false"); err != nil {
		return err
	}
	slow := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: Slow}}
	return cluster.Eventually(ctx, patience, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(slow), slow); err != nil {
			return fmt.Errorf("read KafkaBackup %s: %w", Slow, err)
		}
		if slow.Status.LastRun == nil {
			return errors.New("the run at the slow storage has not begun")
		}
		return nil
	})
}
