package main

import (
	"context"
	"fmt"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
)

// checkLeader kills the leader in the midst of a run. A quota keeps the run
// from ending before.
func checkLeader(ctx context.Context, w *world) error {
	const volumes, before = 20, 8
	namespace, err := w.namespace(ctx, "leader", nil)
	if err != nil {
		return err
	}
	for id := range volumes {
		if _, err := w.createBound(ctx, koperatorClaim("events", id).In(namespace).Class(immediateClass).Obj()); err != nil {
			return err
		}
	}
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "snapshots"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/volumesnapshots.snapshot.storage.k8s.io": resource.MustParse(fmt.Sprint(before))}}}
	if err := w.Create(ctx, quota); err != nil {
		return fmt.Errorf("create the quota: %w", err)
	}
	err = eventually(ctx, func(ctx context.Context) error {
		err := w.Get(ctx, client.ObjectKeyFromObject(quota), quota)
		if err == nil && len(quota.Status.Hard) == 0 {
			err = fmt.Errorf("quota %s is not in force", quota.Name)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Create(ctx, optedIn(namespace, "events").Schedule("@every 20s").Obj()); err != nil {
		return fmt.Errorf("create the KafkaBackup: %w", err)
	}
	first, err := w.waitForRun(ctx, namespace, "", before)
	if err != nil {
		return err
	}
	if err := w.killLeader(ctx); err != nil {
		return err
	}
	if err := w.Delete(ctx, quota); err != nil {
		return fmt.Errorf("delete the quota: %w", err)
	}
	if _, err := w.waitForRun(ctx, namespace, first, volumes); err != nil {
		return err
	}
	return w.noSnapshotTwice(ctx, namespace)
}

// waitForRun waits until a run that is not the one given, or any, has so many
// snapshots, and returns the run.
func (w *world) waitForRun(ctx context.Context, namespace, not string, volumes int) (run string, err error) {
	err = eventually(ctx, func(ctx context.Context) error {
		perRun, err := w.snapshotsPerRun(ctx, namespace)
		for r, slots := range perRun {
			if r != not && len(slots) == volumes {
				run = r
				return nil
			}
		}
		if err == nil {
			err = fmt.Errorf("no run but %q has snapshots of %d volumes", not, volumes)
		}
		return err
	})
	return run, err
}

// snapshotsPerRun counts the snapshots of each volume in each run.
func (w *world) snapshotsPerRun(ctx context.Context, namespace string) (map[string]map[string]int, error) {
	var list snapshotv1.VolumeSnapshotList
	if err := w.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list the snapshots: %w", err)
	}
	perRun := map[string]map[string]int{}
	for _, vs := range list.Items {
		run, slot := vs.Labels[snapshots.LabelRun], vs.Labels[snapshots.LabelVolume]
		if perRun[run] == nil {
			perRun[run] = map[string]int{}
		}
		perRun[run][slot]++
	}
	return perRun, nil
}

func (w *world) noSnapshotTwice(ctx context.Context, namespace string) error {
	perRun, err := w.snapshotsPerRun(ctx, namespace)
	for run, slots := range perRun {
		for slot, n := range slots {
			if n > 1 {
				return fmt.Errorf("run %s has %d snapshots of volume %s", run, n, slot)
			}
		}
	}
	return err
}

// killLeader kills the pod that leads, and waits until another one does.
func (w *world) killLeader(ctx context.Context) error {
	leader, err := w.leader(ctx)
	if err != nil {
		return err
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: leader}}
	if err := w.Delete(ctx, pod, client.GracePeriodSeconds(0)); err != nil {
		return fmt.Errorf("kill the leader: %w", err)
	}
	return eventually(ctx, func(ctx context.Context) error {
		now, err := w.leader(ctx)
		if err == nil && (now == leader || now == "") {
			err = fmt.Errorf("the killed pod %s still leads", leader)
		}
		return err
	})
}

// leader is the name of the pod that holds the Lease.
func (w *world) leader(ctx context.Context) (string, error) {
	var lease coordinationv1.Lease
	if err := w.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: "snapback-scheduler"}, &lease); err != nil {
		return "", fmt.Errorf("read the leader's Lease: %w", err)
	}
	if lease.Spec.HolderIdentity == nil {
		return "", nil
	}
	pod, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
	return pod, nil
}
