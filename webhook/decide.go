package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
		err := d.confirmAbsent(ctx, volume)
		return verdict{Decision: snapshots.NoSnapshots(volume)}, err
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
