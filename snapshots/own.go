package snapshots

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Own holds the snapshots of one KafkaBackup. They are shared: callers must not
// change them.
type Own struct {
	All     []Snapshot            // those that can be read, by volume, the newest of each first
	Volumes map[string][]Snapshot // the same, by the volume's hash
	Spoilt  []Snapshot            // those that cannot be read
}

// Own returns the snapshots of a KafkaBackup. It groups them once after a change,
// and not for each reader.
func (c *Catalog) Own(backup types.NamespacedName) Own {
	c.mu.RLock()
	own, known := c.own[backup]
	c.mu.RUnlock()
	if known {
		return own
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if own, known := c.own[backup]; known {
		return own
	}
	own = c.group(backup)
	if _, known := c.backups[backup]; known { // a name without snapshots is not remembered
		c.own[backup] = own
	}
	return own
}

// BackupOf returns the KafkaBackup that a snapshot is of; false: the snapshot is not
// known.
func (c *Catalog) BackupOf(snapshot types.NamespacedName) (types.NamespacedName, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	at, known := c.where[snapshot]
	if !known {
		return types.NamespacedName{}, false
	}
	return at.Value().backup, true
}

// Backups returns the KafkaBackups that have snapshots, in no order; of a nil catalog
// none.
func (c *Catalog) Backups() []types.NamespacedName {
	if c == nil {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Collect(maps.Keys(c.backups))
}

func (c *Catalog) group(backup types.NamespacedName) Own {
	n := 0
	for _, of := range c.backups[backup] {
		n += of
	}
	own := Own{All: make([]Snapshot, 0, n)}
	keys := slices.SortedFunc(maps.Keys(c.backups[backup]), func(a, b volumeKey) int { return cmp.Compare(a.hash, b.hash) })
	for _, key := range keys {
		volume := c.volumes[key]
		for i := range volume {
			switch s := &volume[i]; {
			case s.Annotations[v1alpha1.AnnotationBackupName] != backup.Name:
			case s.Unreadable != "":
				own.Spoilt = append(own.Spoilt, *s)
			default:
				own.All = append(own.All, *s)
			}
		}
	}
	own.Volumes = ByVolume(own.All)
	return own
}

// ByVolume returns the snapshots of each volume, by its hash. Snapshots that are
// already together, as an [Own] has them, are not copied. Callers must not change the
// result.
func ByVolume(all []Snapshot) map[string][]Snapshot {
	volumes := map[string][]Snapshot{}
	for begin := 0; begin < len(all); {
		hash, end := all[begin].Volume, begin+1
		for end < len(all) && all[end].Volume == hash {
			end++
		}
		part := all[begin:end:end] // append copies it
		if known, ok := volumes[hash]; ok {
			part = append(known, part...)
		}
		volumes[hash] = part
		begin = end
	}
	return volumes
}
