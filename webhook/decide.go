package webhook

import (
	"context"
	"errors"
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

// Readers are the sources from which the handler reads.
type Readers struct {
	Cached  client.Reader // see [CacheOptions]
	Live    client.Reader // the apiserver
	Mapper  meta.RESTMapper
	Catalog *Catalog
	Backups *Backups
}

// fresh returns a reader of objects that do not change while a claim is created.
func (r Readers) fresh() client.Reader { return freshened{r.Cached, r.Live} }

type decider struct {
	Readers
	lists *turns // one for each list of snapshots from the apiserver
}

// verdict is a decision with what it concerns.
type verdict struct {
	snapshots.Decision
	backups []snapshots.Backup
	volume  snapshots.Volume     // zero: it is not known
	known   []snapshots.Snapshot // of the volume, or of a claim of this name
}

// decide returns the answer to one claim. An error means that the answer cannot be
// known now.
func (d decider) decide(ctx context.Context, namespace string, pvc *corev1.PersistentVolumeClaim, now time.Time) (verdict, error) {
	if chosen, ok := snapshots.CreatorChose(pvc); ok {
		return verdict{Decision: chosen}, nil
	}
	backups, err := d.Backups.In(namespace)
	if err != nil {
		return verdict{}, err
	}
	catalog, err := d.Catalog.Known()
	if err != nil {
		return verdict{}, err
	}
	c := &consideration{decider: d, namespace: namespace, pvc: pvc, backups: backups, catalog: catalog, now: now}
	volume, known := snapshots.Identify(namespace, pvc, backups)
	switch {
	case catalog == nil && known:
		err := d.confirmAbsent(ctx, volume)
		return verdict{Decision: snapshots.NoSnapshots(volume), volume: volume}, err
	case known:
		err = c.become(ctx, volume)
	case catalog != nil:
		known, err = c.recall(ctx, false)
	}
	if err != nil || c.refused != nil {
		return c.verdict(c.refused), err
	}
	if !known {
		return c.verdict(&snapshots.Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonNotBrokerVolume}), nil
	}
	decision, err := c.confirm(ctx)
	return c.verdict(&decision), err
}

// consideration is the state of the decision about one claim.
type consideration struct {
	decider
	namespace string
	pvc       *corev1.PersistentVolumeClaim
	claim     snapshots.Claim
	backups   []snapshots.Backup // of the namespace
	cluster   snapshots.Cluster  // of the claim; it holds the snapshots of the claim's volume only
	catalog   *snapshots.Catalog
	known     []snapshots.Snapshot // of the claim's volume; shared, see [snapshots.Catalog]
	recalled  bool                 // the snapshots of a claim of this name were already looked up
	taken     []snapshots.Snapshot // these snapshots
	refused   *snapshots.Decision  // the refusal that follows from them
	elsewhere bool                 // they are of another cluster than the claim names
	told      bool                 // backups are from the apiserver itself, and the namespace is read from it, see askWord
	late      bool                 // a run was due since the newest snapshot, or that one is not ready
	newer     chan behind          // whether there are newer snapshots than the known ones; nil: not asked, or answered
	ahead     chan seen            // the snapshot that is being read ahead; nil: none
	now       time.Time
}

func (c *consideration) verdict(d *snapshots.Decision) verdict {
	if d == nil {
		d = &snapshots.Decision{}
	}
	v := verdict{Decision: *d, backups: c.cluster.Backups, volume: c.claim.Volume, known: c.known}
	if len(v.known) == 0 {
		v.known = c.taken
	}
	return v
}

// become sets the volume of the claim. KafkaBackups that were found for the claim
// before still concern it.
func (c *consideration) become(ctx context.Context, v snapshots.Volume) error {
	cluster, err := c.clusterOf(ctx, v.Cluster)
	if err != nil {
		return err
	}
	cluster.Backups = append(cluster.Backups, slices.DeleteFunc(c.cluster.Backups, func(b snapshots.Backup) bool { return b.Cluster == v.Cluster })...)
	c.cluster = cluster
	if c.claim, err = c.claimOf(ctx, v); err != nil {
		return err
	}
	c.know(c.catalog.Volume(v))
	return nil
}

// know sets the snapshots of the claim's volume.
func (c *consideration) know(all []snapshots.Snapshot) {
	c.known = all
	c.cluster.Snapshots = map[string][]snapshots.Snapshot{c.claim.Volume.Hash(): all}
}

// confirm returns a decision that does not depend on the cache alone, which may be
// behind. It asks the apiserver before it decides "no snapshot" or "not opted in", lists the
// neighbouring claims live, and reads the chosen snapshot from its watch cache, or
// live if it has changed. If the watch cache has newer ones, it lists all live.
func (c *consideration) confirm(ctx context.Context) (snapshots.Decision, error) {
	listed, looked := false, false
	for range maxSteps {
		decision := c.cluster.Decide(c.claim, c.now)
		var err error
		switch {
		case c.refused != nil:
			return *c.refused, nil
		case !c.told && c.byWord(decision):
			err = c.askWord(ctx)
		case decision.Reason == v1alpha1.ReasonOptedOut && (listed || decision.Message == ""):
			return decision, nil
		case !listed && (snapshots.Newest(c.known) == nil || decision.Reason == v1alpha1.ReasonOptedOut): // the pin may have been removed
			var another bool
			another, err = c.listLive(ctx)
			listed, looked = !another, looked && !another
		case decision.Reason == v1alpha1.ReasonNotOptedIn, decision.Reason == v1alpha1.ReasonInvalidAnnotation:
			return decision, nil
		case !looked:
			looked = true
			c.late = c.cluster.MayHaveNewer(c.claim.Volume, c.known, c.now)
			if !listed && c.late {
				c.askForNewer(ctx)
			}
			c.readAhead(ctx, decision.Snapshot)
			err = c.lookAround(ctx)
		case decision.Outcome != v1alpha1.OutcomeRestore:
			return decision, nil
		case c.newer != nil:
			err = c.catchUp(ctx)
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
	return snapshots.Decision{}, errRestless
}

// maxSteps is how often a claim is decided again because something has changed.
// Each step asks the apiserver.
const maxSteps = 12

var errRestless = errors.New("the snapshots of the volume keep changing")

// claimOf returns the facts of the PVC that the decision needs.
func (c *consideration) claimOf(ctx context.Context, v snapshots.Volume) (snapshots.Claim, error) {
	claim := snapshots.Claim{
		Volume:      v,
		Annotations: c.pvc.Annotations,
		Request:     c.pvc.Spec.Resources.Requests[corev1.ResourceStorage],
		VolumeMode:  ptr.Deref(c.pvc.Spec.VolumeMode, corev1.PersistentVolumeFilesystem),
		Around:      c.claim.Around,
	}
	name := ptr.Deref(c.pvc.Spec.StorageClassName, "")
	if name == "" {
		return claim, nil
	}
	var class storagev1.StorageClass
	err := c.Cached.Get(ctx, types.NamespacedName{Name: name}, &class)
	if client.IgnoreNotFound(err) != nil {
		return claim, fmt.Errorf("read storageclass %s: %w", name, err)
	}
	claim.Driver = class.Provisioner
	return claim, nil
}

// clusterOf returns the annotations of the namespace, which it reads, and the
// KafkaBackups of these clusters.
func (c *consideration) clusterOf(ctx context.Context, clusters ...string) (snapshots.Cluster, error) {
	reader := c.fresh()
	if c.told {
		reader = c.Live
	}
	var namespace corev1.Namespace
	if err := reader.Get(ctx, types.NamespacedName{Name: c.namespace}, &namespace); err != nil {
		return snapshots.Cluster{}, fmt.Errorf("read namespace %s: %w", c.namespace, err)
	}
	return snapshots.Cluster{
		Namespace: namespace.Annotations,
		Backups:   slices.DeleteFunc(slices.Clone(c.backups), func(b snapshots.Backup) bool { return !slices.Contains(clusters, b.Cluster) }),
	}, nil
}
