package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
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

// leftNamespace has a claim, a KafkaBackup and a snapshot that outlive Snapback.
const leftNamespace = "uninstalled"

// leftClaim is the one claim there, whose name is generated.
func leftClaim() *corev1.PersistentVolumeClaim {
	return koperatorClaim("events", 0).In(leftNamespace).Class(immediateClass).Obj()
}

// checkUninstall removes Snapback: claims can be created then, and what it made
// stays.
func checkUninstall(ctx context.Context, w *world) error {
	if err := w.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: leftNamespace}}); err != nil {
		return fmt.Errorf("create a namespace: %w", err)
	}
	lost, err := w.createBound(ctx, leftClaim())
	if err != nil {
		return err
	}
	if err := w.backUp(ctx, optedIn(leftNamespace, "events"), 1); err != nil {
		return err
	}
	if err := w.uninstallSnapback(ctx); err != nil {
		return err
	}
	if err := w.deleteClaim(ctx, lost); err != nil {
		return err
	}
	again, err := w.createBound(ctx, leftClaim())
	if err != nil {
		return err
	}
	if again.Spec.DataSource != nil {
		return fmt.Errorf("claim %s was restored by nobody", again.Name)
	}
	return w.stays(ctx)
}

// stays is an error unless the CRD, the KafkaBackup and its snapshot are there,
// and nothing is about to delete them.
func (w *world) stays(ctx context.Context) error {
	crd := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition"}}
	if err := w.Get(ctx, client.ObjectKey{Name: "kafkabackups.snapback.dev"}, crd); err != nil {
		return fmt.Errorf("look for the CRD: %w", err)
	}
	var backups v1alpha1.KafkaBackupList
	var made snapshotv1.VolumeSnapshotList
	if err := errors.Join(w.List(ctx, &backups, client.InNamespace(leftNamespace)), w.List(ctx, &made, client.InNamespace(leftNamespace))); err != nil {
		return fmt.Errorf("look for what stays: %w", err)
	}
	if len(backups.Items) != 1 || len(made.Items) != 1 {
		return fmt.Errorf("%d KafkaBackups and %d snapshots are left, one of each is expected", len(backups.Items), len(made.Items))
	}
	for _, o := range []client.Object{crd, &backups.Items[0], &made.Items[0]} {
		if o.GetDeletionTimestamp() != nil {
			return fmt.Errorf("%T %s is being deleted", o, o.GetName())
		}
	}
	if !ptr.Deref(made.Items[0].Status.ReadyToUse, false) {
		return fmt.Errorf("snapshot %s is not ready any more", made.Items[0].Name)
	}
	return nil
}

// checkInstallAgain installs it as the README says for a cluster without
// cert-manager: what the uninstall has left is restored.
func checkInstallAgain(ctx context.Context, w *world) error {
	_, without, err := readInstallations()
	if err != nil {
		return err
	}
	if err := w.shell(ctx, without.install); err != nil {
		return err
	}
	if err := w.answering(ctx); err != nil {
		return err
	}
	if err := w.shell(ctx, without.test); err != nil {
		return err
	}
	if err := w.stays(ctx); err != nil {
		return err
	}
	var claims corev1.PersistentVolumeClaimList
	if err := w.List(ctx, &claims, client.InNamespace(leftNamespace)); err != nil || len(claims.Items) != 1 {
		return fmt.Errorf("%d claims are in namespace %s, 1 is expected: %w", len(claims.Items), leftNamespace, err)
	}
	if err := w.deleteClaim(ctx, &claims.Items[0]); err != nil {
		return err
	}
	back, err := w.createBound(ctx, leftClaim())
	if err == nil && back.Spec.DataSource == nil {
		err = fmt.Errorf("claim %s was made without a snapshot", back.Name)
	}
	return err
}
