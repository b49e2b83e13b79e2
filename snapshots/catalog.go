package snapshots

import (
	"slices"
	"sync"
	"unique"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Catalog holds the known snapshots by their volume, the newest first. It is safe
// for concurrent use. Its results are shared: callers must not change them.
// Snapshots that are [Snapshot.Lean] take the least memory.
type Catalog struct {
	mu       sync.RWMutex
	volumes  map[volumeKey][]Snapshot                         // each update makes a new slice
	where    map[types.NamespacedName]unique.Handle[location] // of each snapshot; most of a volume's are in one place
	clusters map[clusterKey]map[volumeKey]int                 // the number of the volume's snapshots that name the cluster
	claims   map[claimKey]map[volumeKey]int                   // the number of them that were taken of a claim of this name
	backups  map[types.NamespacedName]map[volumeKey]int       // the number of them that are of this KafkaBackup
	own      map[types.NamespacedName]Own                     // of the KafkaBackups that were asked for since their last change
}

type volumeKey struct{ namespace, hash string }

type clusterKey struct{ namespace, cluster string }

type claimKey struct{ namespace, name string }

type location struct {
	volume  volumeKey
	cluster clusterKey
	claim   claimKey
	backup  types.NamespacedName
}

// NewCatalog returns a catalog of these snapshots, given by namespace.
func NewCatalog(all map[string][]Snapshot) *Catalog {
	r := new(Catalog).Relist()
	for namespace, some := range all {
		for _, s := range some {
			r.Put(namespace, s)
		}
	}
	return r.Done()
}

// byName returns all snapshots. To look for each of them among those of its volume would
// take too long if one volume has most of them.
func (c *Catalog) byName() map[types.NamespacedName]*Snapshot {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make(map[types.NamespacedName]*Snapshot, len(c.where))
	for key, volume := range c.volumes {
		for i := range volume {
			all[types.NamespacedName{Namespace: key.namespace, Name: volume[i].Name}] = &volume[i]
		}
	}
	return all
}

// Put adds a snapshot, or replaces the one of the same name.
func (c *Catalog) Put(namespace string, s Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(types.NamespacedName{Namespace: namespace, Name: s.Name})
	key := c.note(namespace, s)
	known := c.volumes[key]
	i, _ := slices.BinarySearchFunc(known, s, newestFirst)
	c.volumes[key] = slices.Concat(known[:i], []Snapshot{s.share(known)}, known[i:])
}

// Delete removes a snapshot.
func (c *Catalog) Delete(name types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(name)
}

// note records the place of a snapshot in all indexes, and returns its volume.
func (c *Catalog) note(namespace string, s Snapshot) volumeKey {
	namespace = intern(namespace)
	at := location{
		volume:  volumeKey{namespace, intern(s.Volume)},
		cluster: clusterKey{namespace, intern(s.Annotations[v1alpha1.AnnotationClusterName])},
		claim:   claimKey{namespace, intern(s.SourcePVC)},
		backup:  types.NamespacedName{Namespace: namespace, Name: intern(s.Annotations[v1alpha1.AnnotationBackupName])},
	}
	c.index(types.NamespacedName{Namespace: namespace, Name: s.Name}, unique.Make(at))
	delete(c.own, at.backup)
	return at.volume
}

func (c *Catalog) index(name types.NamespacedName, where unique.Handle[location]) {
	at := where.Value()
	c.where[name] = where
	increase(c.clusters, at.cluster, at.volume)
	increase(c.claims, at.claim, at.volume)
	increase(c.backups, at.backup, at.volume)
}

func increase[K comparable](of map[K]map[volumeKey]int, key K, volume volumeKey) {
	if of[key] == nil {
		of[key] = map[volumeKey]int{}
	}
	of[key][volume]++
}

func decrease[K comparable](of map[K]map[volumeKey]int, key K, volume volumeKey) {
	if of[key][volume]--; of[key][volume] == 0 {
		delete(of[key], volume)
	}
	if len(of[key]) == 0 {
		delete(of, key)
	}
}

func (c *Catalog) remove(name types.NamespacedName) {
	found, known := c.where[name]
	if !known {
		return
	}
	at := found.Value()
	delete(c.where, name)
	rest := slices.DeleteFunc(slices.Clone(c.volumes[at.volume]), func(s Snapshot) bool { return s.Name == name.Name })
	if c.volumes[at.volume] = rest; len(rest) == 0 {
		delete(c.volumes, at.volume)
	}
	decrease(c.clusters, at.cluster, at.volume)
	decrease(c.claims, at.claim, at.volume)
	decrease(c.backups, at.backup, at.volume)
	delete(c.own, at.backup)
}

// Volume returns the snapshots of a volume, the newest first.
func (c *Catalog) Volume(v Volume) []Snapshot { return c.Hashed(v.Namespace, v.Hash()) }

// Hashed returns the snapshots of the volume with this hash, the newest first.
func (c *Catalog) Hashed(namespace, hash string) []Snapshot {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.volumes[volumeKey{namespace, hash}]
}

// Cluster returns the snapshots of each volume of a volume's cluster, by hash,
// the newest first.
func (c *Catalog) Cluster(v Volume) map[string][]Snapshot {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := map[string][]Snapshot{}
	for key := range c.clusters[clusterKey{v.Namespace, v.Cluster}] {
		all[key.hash] = c.volumes[key]
	}
	return all
}

// Claim returns the snapshots that were taken of claims of this name, see
// [OfClaim].
func (c *Catalog) Claim(namespace, name string) []Snapshot {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var taken []Snapshot
	for key := range c.claims[claimKey{namespace, name}] {
		taken = append(taken, OfClaim(c.volumes[key], name)...)
	}
	return taken
}

// Spoilt returns the snapshots whose annotations name the volume's cluster and
// slot, but whose volume label is gone: they cannot be read.
func (c *Catalog) Spoilt(v Volume) []Snapshot {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.clusters[clusterKey{v.Namespace, v.Cluster}][volumeKey{v.Namespace, ""}] == 0 {
		return nil
	}
	return without(c.volumes[volumeKey{v.Namespace, ""}], func(s *Snapshot) bool {
		return s.Annotations[v1alpha1.AnnotationClusterName] != v.Cluster || s.Annotations[v1alpha1.AnnotationSlot] != v.Slot
	})
}
