package scheduler

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

// knownSnapshots reads the snapshots that are known from the watch. They are shared: callers
// must not change them.
type knownSnapshots struct{ watched *watched.Snapshots }

func (r *Reconciler) taken() knownSnapshots { return knownSnapshots{r.watched} }

func (h knownSnapshots) known() (*snapshots.Catalog, error) {
	known, err := h.watched.Known()
	if err == nil && known == nil {
		err = kinds{missing: missingSnapshots}.withoutSnapshots()
	}
	return known, err
}

// own returns the snapshots of a KafkaBackup.
func (h knownSnapshots) own(backup types.NamespacedName) (snapshots.Own, error) {
	known, err := h.known()
	if err != nil {
		return snapshots.Own{}, err
	}
	return known.Own(backup), nil
}

// of returns the snapshots of a claim's volume, from all KafkaBackups, and the
// unreadable ones too, whose labels or annotations somebody has changed. Snapback does
// not use these, but they prove that the volume existed before.
func (h knownSnapshots) of(c claims.Claim) ([]snapshots.Snapshot, error) {
	known, err := h.known()
	if err != nil {
		return nil, err
	}
	return known.Hashed(c.PVC.Namespace, c.Volume.Hash()), nil
}
