package drill

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// turns are the clusters that wait for one of the places for drills. Without it a
// cluster whose next drill is always due could keep the others from theirs. A new
// process begins without any.
type turns map[types.NamespacedName]wait

type wait struct{ since, asked time.Time }

// forgotten is how long a cluster keeps its turn without asking for it.
const forgotten = 4 * waitForTurn

// take reports whether a cluster may begin a drill: there is one of the free places for
// it when all that have waited longer have theirs.
func (all turns) take(key types.NamespacedName, free int, now time.Time) bool {
	maps.DeleteFunc(all, func(_ types.NamespacedName, t wait) bool { return now.Sub(t.asked) > forgotten })
	own, known := all[key]
	if !known {
		own.since = now
	}
	own.asked = now
	all[key] = own
	for other, t := range all {
		if other != key && t.since.Before(own.since) {
			free--
		}
	}
	if free <= 0 {
		return false
	}
	delete(all, key)
	return true
}

// placeTime is how long a drill takes one of the places. A claim that cannot be
// deleted, or a very long timeout, must not stop the drills of all others.
const placeTime = 6 * time.Hour

// placesTaken returns how many of the claims of drills take a place.
func placesTaken(running []corev1.PersistentVolumeClaim, now time.Time) int {
	n := 0
	for i := range running {
		if now.Sub(running[i].CreationTimestamp.Time) < placeTime {
			n++
		}
	}
	return n
}
