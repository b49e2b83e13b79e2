package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// checkUpgrade installs another image over the first while claims are created:
// none is refused.
func checkUpgrade(ctx context.Context, w *world) error {
	refusals, err := w.createDuring(ctx, func(ctx context.Context) error {
		_, tag, _ := strings.Cut(upgradeImage, ":")
		return w.upgradeSnapback(ctx, "--set=image.tag="+tag)
	})
	if err != nil {
		return err
	}
	if len(refusals) > 0 {
		return fmt.Errorf("%d claims were refused, the first: %w", len(refusals), refusals[0])
	}
	pods, err := w.snapbackPods(ctx)
	for _, p := range pods {
		for _, c := range p.Spec.Containers {
			if c.Image != upgradeImage {
				return fmt.Errorf("container %s of pod %s is of image %s, not %s", c.Name, p.Name, c.Image, upgradeImage)
			}
		}
	}
	return err
}

// checkUninstall removes Snapback: claims can be created then, and what it made
// stays.
func checkUninstall(ctx context.Context, w *world) error {
	namespace, err := w.namespace(ctx, "uninstalled", nil)
	if err != nil {
		return err
	}
	lost, err := w.createBound(ctx, koperatorClaim("events", 0).In(namespace).Class(immediateClass).Obj())
	if err != nil {
		return err
	}
	if err := w.backUp(ctx, optedIn(namespace, "events"), 1); err != nil {
		return err
	}
	if err := w.uninstallSnapback(ctx); err != nil {
		return err
	}
	if err := w.deleteClaim(ctx, lost); err != nil {
		return err
	}
	again, err := w.createBound(ctx, koperatorClaim("events", 0).In(namespace).Class(immediateClass).Obj())
	if err != nil {
		return err
	}
	if again.Spec.DataSource != nil {
		return fmt.Errorf("claim %s was restored by nobody", again.Name)
	}
	var backups v1alpha1.KafkaBackupList
	var made snapshotv1.VolumeSnapshotList
	if err := errors.Join(w.List(ctx, &backups, client.InNamespace(namespace)), w.List(ctx, &made, client.InNamespace(namespace))); err != nil {
		return fmt.Errorf("look for what stays: %w", err)
	}
	if len(backups.Items) != 1 || len(made.Items) != 1 {
		return fmt.Errorf("%d KafkaBackups and %d snapshots are left, one of each is expected", len(backups.Items), len(made.Items))
	}
	return nil
}
