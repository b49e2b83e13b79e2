package snapshots

import (
	"maps"
	"slices"
	"unique"

	"k8s.io/apimachinery/pkg/types"
)

// Relist is a catalog in the making, of a list that is newer than another catalog. It
// shares with that one what has not changed: there are not two copies of all snapshots
// after each list. The other one must not change until it is done.
type Relist struct {
	before  *Catalog
	known   map[types.NamespacedName]*Snapshot // those before; nil: nobody has asked for one yet
	fresh   *Catalog
	changed map[types.NamespacedName]bool // of those known before

	last  volumeKey // of what was put last
	mixed bool      // snapshots of other volumes came between those of a volume
}

// Relist returns a Relist without snapshots.
func (c *Catalog) Relist() *Relist {
	c.mu.RLock()
	defer c.mu.RUnlock()
	own := map[types.NamespacedName]Own{}
	maps.Copy(own, c.own)
	return &Relist{before: c, changed: map[types.NamespacedName]bool{}, fresh: &Catalog{
		volumes:  map[volumeKey][]Snapshot{},
		where:    map[types.NamespacedName]unique.Handle[location]{},
		clusters: map[clusterKey]map[volumeKey]int{},
		claims:   map[claimKey]map[volumeKey]int{},
		backups:  map[types.NamespacedName]map[volumeKey]int{},
		own:      own,
	}}
}

// Keep adds a snapshot if the catalog before has it in this version, and reports whether it
// has.
func (r *Relist) Keep(name types.NamespacedName, uid types.UID, resourceVersion string) bool {
	if r.known == nil {
		r.known = r.before.byName()
	}
	s := r.known[name]
	if s == nil || s.UID != uid || s.ResourceVersion != resourceVersion || resourceVersion == "" {
		return false
	}
	r.Delete(name)
	delete(r.changed, name)
	r.before.mu.RLock()
	defer r.before.mu.RUnlock()
	at := r.before.where[name]
	r.fresh.index(types.NamespacedName{Namespace: at.Value().volume.namespace, Name: s.Name}, at) // no other copy of its name
	return true
}

// Put adds a snapshot, or replaces the one of the same name.
func (r *Relist) Put(namespace string, s Snapshot) {
	name := types.NamespacedName{Namespace: namespace, Name: s.Name}
	r.Delete(name)
	if _, known := r.before.BackupOf(name); known {
		r.changed[name] = true
	}
	key := r.fresh.note(namespace, s)
	volume := r.fresh.volumes[key]
	if key != r.last && !r.mixed {
		r.mixed = len(volume) > 0
		r.fit(r.last)
		r.last = key
	}
	r.fresh.volumes[key] = append(volume, s.share(volume))
}

// fit takes from the snapshots of a volume the room to grow. An apiserver sends them by
// name, and those of a volume together, so that few have that room at once.
func (r *Relist) fit(key volumeKey) {
	if volume := r.fresh.volumes[key]; len(volume) < cap(volume) {
		r.fresh.volumes[key] = append(make([]Snapshot, 0, len(volume)), volume...)
	}
}

// Delete removes a snapshot.
func (r *Relist) Delete(name types.NamespacedName) { r.fresh.remove(name) }

// Done returns the catalog of the snapshots that were added.
func (r *Relist) Done() *Catalog {
	for key, volume := range r.fresh.volumes {
		slices.SortFunc(volume, newestFirst)
		r.fit(key)
	}
	r.before.mu.RLock()
	defer r.before.mu.RUnlock()
	for key := range r.before.volumes {
		r.carry(key)
	}
	return r.fresh
}

// carry adds the kept snapshots of a volume of the catalog before to those that were put.
func (r *Relist) carry(key volumeKey) {
	known := r.before.volumes[key]
	volume := slices.Clone(r.fresh.volumes[key])
	put := len(volume)
	for _, s := range known {
		name := types.NamespacedName{Namespace: key.namespace, Name: s.Name}
		if _, listed := r.fresh.where[name]; listed && !r.changed[name] {
			volume = append(volume, s)
		} else {
			delete(r.fresh.own, r.before.where[name].Value().backup)
		}
	}
	switch {
	case put == 0 && len(volume) == len(known):
		r.fresh.volumes[key] = known
	case len(volume) > 0:
		slices.SortFunc(volume, newestFirst)
		r.fresh.volumes[key] = volume
	}
}
