package webhook

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Readers is where the handler reads from.
type Readers struct {
	Cached  client.Reader // see [CacheOptions]
	Live    client.Reader // the apiserver
	Mapper  meta.RESTMapper
	Catalog *Catalog
}

// fresh reads what does not change while a claim is made.
func (r Readers) fresh() client.Reader { return freshened{r.Cached, r.Live} }

type decider struct {
	Readers
}

// verdict is a decision, and the KafkaBackups that it concerns.
type verdict struct {
	snapshots.Decision
	backups []snapshots.Backup
}

// decide answers one claim. An error means that nobody can know yet.
func (d decider) decide(ctx context.Context, namespace string, pvc *corev1.PersistentVolumeClaim, now time.Time) (verdict, error) {
	if chosen, ok := snapshots.CreatorChose(pvc); ok {
		return verdict{Decision: chosen}, nil
	}
	backups, err := d.backups(ctx, namespace)
	if err != nil {
		return verdict{}, err
	}
	volume, ok := snapshots.Identify(namespace, pvc, backups)
	if !ok {
		return verdict{Decision: snapshots.Decision{Outcome: snapshots.Allow, Reason: snapshots.NotBrokerVolume}}, nil
	}
	catalog, err := d.Catalog.Known()
	if err != nil {
		return verdict{}, err
	}
	if catalog == nil {
		return verdict{Decision: snapshots.NoSnapshots(volume)}, nil
	}
	source, err := d.policySource(ctx, volume, pvc, backups)
	if err != nil {
		return verdict{}, err
	}
	c := &consideration{decider: d, pvc: pvc, backups: backups, source: source, catalog: catalog, known: catalog.Volume(volume), now: now}
	if c.claim, err = d.claim(ctx, volume, pvc); err != nil {
		return verdict{}, err
	}
	decision, err := c.confirm(ctx)
	return verdict{Decision: decision, backups: source.Backups}, err
}

// consideration is one claim that is being decided.
type consideration struct {
	decider
	pvc     *corev1.PersistentVolumeClaim
	claim   snapshots.Claim
	backups []snapshots.Backup
	source  snapshots.PolicySource
	around  snapshots.Around
	catalog *snapshots.Catalog
	known   []snapshots.Snapshot // of the claim's volume; shared, see [snapshots.Catalog]
	ahead   chan seen            // a snapshot that is being read; nil: none
	now     time.Time
}

func (c *consideration) decide() snapshots.Decision {
	return snapshots.Decide(c.claim, c.source, c.around, c.known, c.now)
}

// confirm takes no answer from the cache alone, which may be behind: "no
// snapshot" is asked of the apiserver, the claims around are listed live, and
// so is a chosen snapshot read.
func (c *consideration) confirm(ctx context.Context) (snapshots.Decision, error) {
	listed, looked := false, false
	for {
		decision := c.decide()
		var err error
		switch {
		case decision.Reason == snapshots.OptedOut:
			return decision, nil
		case !listed && len(snapshots.Candidates(c.known)) == 0:
			listed = true
			c.known, err = c.listLive(ctx)
		case decision.Reason == snapshots.NotOptedIn, decision.Reason == snapshots.InvalidAnnotation:
			return decision, nil
		case !looked:
			looked = true
			c.readAhead(ctx, decision.Snapshot)
			err = c.lookAround(ctx)
		case decision.Outcome != snapshots.Restore:
			return decision, nil
		default:
			var same bool
			if same, err = c.refresh(ctx, *decision.Snapshot); same {
				return decision, nil
			}
		}
		if err != nil {
			return decision, err
		}
	}
}

// listLive asks the apiserver for the snapshots of the volume; without any,
// for those that Snapback did not make and a person lets it have.
func (c *consideration) listLive(ctx context.Context) ([]snapshots.Snapshot, error) {
	v := c.claim.Volume
	known, err := c.listOwn(ctx, v)
	if err != nil || len(snapshots.Candidates(known)) > 0 || c.pvc.Name == "" {
		return known, err
	}
	foreign, err := labels.NewRequirement(snapshots.LabelVolume, selection.DoesNotExist, nil)
	if err != nil {
		return nil, fmt.Errorf("select the snapshots of others: %w", err)
	}
	var list snapshotv1.VolumeSnapshotList
	if err := c.Live.List(ctx, &list, client.InNamespace(v.Namespace), client.MatchingLabelsSelector{Selector: labels.NewSelector().Add(*foreign)}); err != nil {
		return nil, fmt.Errorf("list the snapshots of others in namespace %s: %w", v.Namespace, err)
	}
	for i := range list.Items {
		if s, ok := snapshots.Adopted(&list.Items[i], v, c.pvc); ok {
			known = append(known, s.Lean())
		}
	}
	return known, nil
}

// readAhead starts to read live the snapshot that will be chosen unless the
// neighbours say otherwise; nil: none.
func (c *consideration) readAhead(ctx context.Context, s *snapshots.Snapshot) {
	if s == nil {
		return
	}
	c.ahead = make(chan seen, 1)
	go func(v snapshots.Volume, old snapshots.Snapshot, answer chan<- seen) { answer <- c.see(ctx, v, old) }(c.claim.Volume, *s, c.ahead)
}

// seen is a snapshot as the apiserver has it; nil when it is gone, going, or
// another one by now.
type seen struct {
	name string
	live *snapshots.Snapshot
	err  error
}

// refresh reads a snapshot live and replaces what was known of it. It reports
// whether that was the same.
func (c *consideration) refresh(ctx context.Context, old snapshots.Snapshot) (bool, error) {
	var now seen
	if c.ahead != nil {
		now = <-c.ahead
		c.ahead = nil
	}
	if now.name != old.Name {
		now = c.see(ctx, c.claim.Volume, old)
	}
	if now.err != nil {
		return false, now.err
	}
	live := now.live
	if live != nil && live.Ready == old.Ready && live.Cut.Equal(old.Cut) && maps.Equal(live.Annotations, old.Annotations) {
		return true, nil
	}
	c.known = slices.DeleteFunc(slices.Clone(c.known), func(s snapshots.Snapshot) bool { return s.Name == old.Name })
	if live != nil {
		c.known = append(c.known, *live)
	}
	return false, nil
}

// see reads a snapshot from the apiserver.
func (c *consideration) see(ctx context.Context, v snapshots.Volume, old snapshots.Snapshot) seen {
	var vs snapshotv1.VolumeSnapshot
	err := c.Live.Get(ctx, types.NamespacedName{Namespace: v.Namespace, Name: old.Name}, &vs)
	if apierrors.IsNotFound(err) {
		return seen{name: old.Name}
	}
	if err != nil {
		return seen{name: old.Name, err: fmt.Errorf("read volumesnapshot %s/%s: %w", v.Namespace, old.Name, err)}
	}
	live, ok := snapshots.Adopted(&vs, v, c.pvc)
	if !ok {
		live, err = snapshots.NewSnapshot(&vs)
	}
	if err != nil || live.UID != old.UID || live.Volume != old.Volume || live.Deleting {
		return seen{name: old.Name}
	}
	live = live.Lean()
	return seen{name: old.Name, live: &live}
}

// listOwn lists the snapshots of the volume from the apiserver.
func (c *consideration) listOwn(ctx context.Context, v snapshots.Volume) ([]snapshots.Snapshot, error) {
	var list snapshotv1.VolumeSnapshotList
	match := client.MatchingLabels{snapshots.LabelVolume: v.Hash(), snapshots.LabelManagedBy: snapshots.ManagedBy}
	if err := c.Live.List(ctx, &list, client.InNamespace(v.Namespace), match); err != nil {
		return nil, fmt.Errorf("list the snapshots of %s: %w", v, err)
	}
	var known []snapshots.Snapshot
	for i := range list.Items {
		s, err := snapshots.NewSnapshot(&list.Items[i])
		if err != nil { // somebody has changed its metadata: what it holds is not known
			log.FromContext(ctx).Error(err, "passing over a snapshot")
			continue
		}
		known = append(known, s.Lean())
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

// backups lists the KafkaBackups of the namespace, of both forms.
func (d decider) backups(ctx context.Context, namespace string) ([]snapshots.Backup, error) {
	var kafkaBackups v1alpha1.KafkaBackupList
	// Without the CRD there are none.
	if err := d.Cached.List(ctx, &kafkaBackups, client.InNamespace(namespace)); err != nil && !meta.IsNoMatchError(err) {
		return nil, fmt.Errorf("list the kafkabackups of namespace %s: %w", namespace, err)
	}
	var configMaps corev1.ConfigMapList
	if err := d.Cached.List(ctx, &configMaps, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list the configmaps of namespace %s that hold a kafkabackup: %w", namespace, err)
	}
	return snapshots.BackupsOf(kafkaBackups.Items, configMaps.Items), nil
}

// policySource reads where the annotations of the volume are looked up, all
// but those of its newest snapshot.
func (d decider) policySource(ctx context.Context, v snapshots.Volume, pvc *corev1.PersistentVolumeClaim, backups []snapshots.Backup) (snapshots.PolicySource, error) {
	var namespace corev1.Namespace
	if err := d.fresh().Get(ctx, types.NamespacedName{Name: v.Namespace}, &namespace); err != nil {
		return snapshots.PolicySource{}, fmt.Errorf("read namespace %s: %w", v.Namespace, err)
	}
	return snapshots.PolicySource{
		PVC:       pvc.Annotations,
		Namespace: namespace.Annotations,
		Backups:   slices.DeleteFunc(slices.Clone(backups), func(b snapshots.Backup) bool { return b.Cluster != v.Cluster }),
	}, nil
}
