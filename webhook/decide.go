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

// Readers is where the handler reads from.
type Readers struct {
	Cached  client.Reader // see [CacheOptions]
	Live    client.Reader // the apiserver
	Mapper  meta.RESTMapper
	Catalog *Catalog
	Backups *Backups
}

// fresh reads what does not change while a claim is made.
func (r Readers) fresh() client.Reader { return freshened{r.Cached, r.Live} }

type decider struct {
	Readers
	lists *turns // of listing snapshots from the apiserver
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
		return verdict{Decision: snapshots.NoSnapshots(volume)}, err
	case known:
		err = c.become(ctx, volume)
	case catalog != nil:
		known, err = c.recall(ctx, false)
	}
	if err != nil || c.refused != nil {
		return c.verdict(c.refused), err
	}
	if !known {
		return verdict{Decision: snapshots.Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonNotBrokerVolume}}, nil
	}
	decision, err := c.confirm(ctx)
	return c.verdict(&decision), err
}

// consideration is one claim that is being decided.
type consideration struct {
	decider
	namespace string
	pvc       *corev1.PersistentVolumeClaim
	claim     snapshots.Claim
	backups   []snapshots.Backup // of the namespace
	cluster   snapshots.Cluster  // of the claim; all that is known of its volumes is the claim's
	catalog   *snapshots.Catalog
	known     []snapshots.Snapshot // of the claim's volume; shared, see [snapshots.Catalog]
	recalled  bool                 // the snapshots of a claim of this name were looked at
	refused   *snapshots.Decision  // for what they say
	elsewhere bool                 // they are of another cluster than the claim says
	ahead     chan seen            // a snapshot that is being read; nil: none
	now       time.Time
}

func (c *consideration) verdict(d *snapshots.Decision) verdict {
	if d == nil {
		d = &snapshots.Decision{}
	}
	return verdict{Decision: *d, backups: c.cluster.Backups}
}

// become takes the claim for one of this volume. KafkaBackups that were found to
// concern it before still do.
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

// know takes these for the snapshots of the claim's volume.
func (c *consideration) know(all []snapshots.Snapshot) {
	c.known = all
	c.cluster.Snapshots = map[string][]snapshots.Snapshot{c.claim.Volume.Hash(): all}
}

// confirm takes no answer from the cache alone, which may be behind: "no
// snapshot" is asked of the apiserver, the claims around are listed live, and
// so is a chosen snapshot read.
func (c *consideration) confirm(ctx context.Context) (snapshots.Decision, error) {
	listed, looked := false, false
	for range maxSteps {
		decision := c.cluster.Decide(c.claim, c.now)
		var err error
		switch {
		case c.refused != nil:
			return *c.refused, nil
		case decision.Reason == v1alpha1.ReasonOptedOut && (listed || decision.Message == ""):
			return decision, nil
		case !listed && (len(snapshots.Candidates(c.known)) == 0 || decision.Reason == v1alpha1.ReasonOptedOut): // a pin may be off again
			var another bool
			another, err = c.listLive(ctx)
			listed, looked = !another, looked && !another
		case decision.Reason == v1alpha1.ReasonNotOptedIn, decision.Reason == v1alpha1.ReasonInvalidAnnotation:
			return decision, nil
		case !looked:
			looked = true
			c.readAhead(ctx, decision.Snapshot)
			err = c.lookAround(ctx)
		case decision.Outcome != v1alpha1.OutcomeRestore:
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
	return snapshots.Decision{}, errRestless
}

// maxSteps bounds how often a claim is decided anew because something has
// changed: each step asks the apiserver.
const maxSteps = 12

var errRestless = errors.New("the snapshots of the volume change while it is decided about")

// claimOf gathers what the decision needs to know of the PVC.
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

// clusterOf reads the annotations of the namespace, and has the KafkaBackups of
// the clusters.
func (c *consideration) clusterOf(ctx context.Context, clusters ...string) (snapshots.Cluster, error) {
	var namespace corev1.Namespace
	if err := c.fresh().Get(ctx, types.NamespacedName{Name: c.namespace}, &namespace); err != nil {
		return snapshots.Cluster{}, fmt.Errorf("read namespace %s: %w", c.namespace, err)
	}
	return snapshots.Cluster{
		Namespace: namespace.Annotations,
		Backups:   slices.DeleteFunc(slices.Clone(c.backups), func(b snapshots.Backup) bool { return !slices.Contains(clusters, b.Cluster) }),
	}, nil
}
