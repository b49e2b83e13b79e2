package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Readers is where the handler reads from.
type Readers struct {
	Cached client.Reader // see [Index]
	Live   client.Reader // the apiserver
}

type decider struct {
	Readers
}

// decide answers one claim. An error means that nobody can know yet.
func (d decider) decide(ctx context.Context, namespace string, pvc *corev1.PersistentVolumeClaim, now time.Time) (snapshots.Decision, error) {
	if chosen, ok := snapshots.CreatorChose(pvc); ok {
		return chosen, nil
	}
	backups, err := d.backups(ctx, namespace)
	if err != nil {
		return snapshots.Decision{}, err
	}
	volume, ok := snapshots.Identify(namespace, pvc, backups)
	if !ok {
		return snapshots.Decision{Outcome: snapshots.Allow, Reason: snapshots.NotBrokerVolume}, nil
	}
	known, err := d.snapshots(ctx, d.Cached, volume, client.MatchingFields{byVolume: volume.Hash()})
	if err != nil {
		return snapshots.Decision{}, err
	}
	claim, err := d.claim(ctx, volume, pvc)
	if err != nil {
		return snapshots.Decision{}, err
	}
	source, err := d.policySource(ctx, volume, pvc, backups)
	if err != nil {
		return snapshots.Decision{}, err
	}
	return d.confirm(ctx, claim, source, known, now)
}

// confirm takes no answer from the cache alone, which may be behind: a chosen
// snapshot is read live, and "no snapshot" is asked of the apiserver.
func (d decider) confirm(ctx context.Context, claim snapshots.Claim, source snapshots.PolicySource, known []snapshots.Snapshot, now time.Time) (snapshots.Decision, error) {
	listed := false
	for {
		decision := snapshots.Decide(claim, source, known, now)
		switch {
		case decision.Outcome == snapshots.Restore:
			i := slices.IndexFunc(known, func(s snapshots.Snapshot) bool { return s.Name == decision.Snapshot.Name })
			live, err := d.live(ctx, claim.Volume, known[i])
			if err != nil {
				return decision, err
			}
			if live != nil && live.Ready == known[i].Ready {
				return decision, nil
			}
			known = slices.Delete(known, i, i+1)
			if live != nil {
				known = append(known, *live)
			}
		case len(snapshots.Candidates(known)) == 0 && !listed && decision.Reason != snapshots.OptedOut:
			var err error
			if known, err = d.snapshots(ctx, d.Live, claim.Volume, client.MatchingLabels{snapshots.LabelVolume: claim.Volume.Hash(), snapshots.LabelManagedBy: snapshots.ManagedBy}); err != nil {
				return decision, err
			}
			listed = true
		default:
			return decision, nil
		}
	}
}

// live reads a snapshot from the apiserver; nil when it is gone, going, or
// another one by now.
func (d decider) live(ctx context.Context, v snapshots.Volume, s snapshots.Snapshot) (*snapshots.Snapshot, error) {
	var vs snapshotv1.VolumeSnapshot
	err := d.Live.Get(ctx, types.NamespacedName{Namespace: v.Namespace, Name: s.Name}, &vs)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read volumesnapshot %s/%s: %w", v.Namespace, s.Name, err)
	}
	live, err := snapshots.NewSnapshot(&vs)
	if err != nil || live.UID != s.UID || live.Volume != s.Volume || live.Deleting {
		return nil, nil
	}
	return &live, nil
}

// snapshots lists the snapshots of a volume.
func (d decider) snapshots(ctx context.Context, from client.Reader, v snapshots.Volume, match client.ListOption) ([]snapshots.Snapshot, error) {
	var list snapshotv1.VolumeSnapshotList
	if err := from.List(ctx, &list, client.InNamespace(v.Namespace), match); err != nil {
		return nil, fmt.Errorf("list the snapshots of %s: %w", v, err)
	}
	known := make([]snapshots.Snapshot, 0, len(list.Items))
	for i := range list.Items {
		s, err := snapshots.NewSnapshot(&list.Items[i])
		if err != nil { // somebody has changed its metadata: what it holds is not known
			log.FromContext(ctx).Error(err, "passing over a snapshot")
			continue
		}
		known = append(known, s)
	}
	return known, nil
}

// claim gathers what the decision needs to know of the PVC.
func (d decider) claim(ctx context.Context, v snapshots.Volume, pvc *corev1.PersistentVolumeClaim) (snapshots.Claim, error) {
	c := snapshots.Claim{
		Volume:     v,
		Request:    pvc.Spec.Resources.Requests[corev1.ResourceStorage],
		VolumeMode: ptr.Deref(pvc.Spec.VolumeMode, corev1.PersistentVolumeFilesystem),
	}
	name := ptr.Deref(pvc.Spec.StorageClassName, "")
	if name == "" {
		return c, nil
	}
	var class storagev1.StorageClass
	err := d.Cached.Get(ctx, types.NamespacedName{Name: name}, &class)
	if client.IgnoreNotFound(err) != nil {
		return c, fmt.Errorf("read storageclass %s: %w", name, err)
	}
	c.Driver = class.Provisioner
	return c, nil
}

// backups lists the KafkaBackups of the namespace.
func (d decider) backups(ctx context.Context, namespace string) ([]snapshots.Backup, error) {
	var list v1alpha1.KafkaBackupList
	if err := d.Cached.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list the kafkabackups of namespace %s: %w", namespace, err)
	}
	backups := make([]snapshots.Backup, 0, len(list.Items))
	for i := range list.Items {
		b, _ := snapshots.NewBackup(&list.Items[i]) // its annotations count, whatever its spec
		backups = append(backups, b)
	}
	return backups, nil
}

// policySource reads where the annotations of the volume are looked up, all
// but those of its newest snapshot.
func (d decider) policySource(ctx context.Context, v snapshots.Volume, pvc *corev1.PersistentVolumeClaim, backups []snapshots.Backup) (snapshots.PolicySource, error) {
	var namespace corev1.Namespace
	if err := d.Cached.Get(ctx, types.NamespacedName{Name: v.Namespace}, &namespace); err != nil {
		return snapshots.PolicySource{}, fmt.Errorf("read namespace %s: %w", v.Namespace, err)
	}
	return snapshots.PolicySource{
		PVC:       pvc.Annotations,
		Namespace: namespace.Annotations,
		Backups:   slices.DeleteFunc(slices.Clone(backups), func(b snapshots.Backup) bool { return b.Cluster != v.Cluster }),
	}, nil
}
