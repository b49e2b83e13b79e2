package scheduler

import (
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

const (
	// heldFor is how long a snapshot that is not cut holds its place at the storage.
	heldFor = 10 * time.Minute

	// throttledFrom is from how many snapshots under way a storage may throttle.
	throttledFrom = 2
)

// underWay counts the snapshots that the storage is at: not cut, not failing for
// another reason than throttling (unless these are asked for, too), and created at
// that time or later.
func (w *world) underWay(since time.Time, alsoFailing bool) int {
	n := 0
	for _, vs := range w.ours() {
		failing := !alsoFailing && vs.Status != nil && vs.Status.Error != nil && !snapshots.Throttled(*vs.Status.Error.Message)
		if !isCut(vs) && !isReady(vs) && !failing && !vs.CreationTimestamp.Time.Before(since) {
			n++
		}
	}
	return n
}

// checkBound checks, after each create, that no more is under way than the class
// allows, apart from what a former leader has left. A snapshot that has nearly lost
// its place counts no more: the scheduler may have begun to create it earlier.
func (w *world) checkBound(vs *snapshotv1.VolumeSnapshot) {
	if w.bound == 0 || w.term == nil {
		return
	}
	since := w.clock.Now().Add(-heldFor + 2*maxLag)
	if w.term.began.After(since) {
		since = w.term.began
	}
	if n := w.underWay(since, false); n > w.bound {
		w.violate(fmt.Errorf("turns: with %s, %d snapshots are under way at a storage that takes %d", vs.Name, n, w.bound))
	}
}

// checkInTime checks that no run begins when its next one is due.
func (w *world) checkInTime(key runOf, vs *snapshotv1.VolumeSnapshot) {
	at, err := snapshots.ParseRun(key.run)
	if err != nil || w.begun(key.backup, at) || w.clock.Since(w.ledger.touched[key.backup]) <= time.Hour || len(w.ledger.runNow[key.backup]) > 0 {
		return
	}
	for _, kb := range w.backups() {
		c := cadenceOf(kb)
		next := at.Add(c.period)
		if kb.Name == key.backup && c.latest(at).Equal(at) && w.clock.Since(next) > 2*maxLag && w.calmSince.Before(w.clock.Now()) {
			w.violate(fmt.Errorf("turns: the run of %s begins with %s when the one of %s is due", key.run, vs.Name, next.Format(time.RFC3339)))
		}
	}
}

// checkTurns checks that no run waits for its turn while the storage is idle.
func (w *world) checkTurns() {
	if !w.resting || !w.calmSince.Before(w.clock.Now()) || w.term.cache.behind() > 0 || w.anyErrors() {
		return
	}
	since := w.clock.Now().Add(-heldFor - 2*maxLag)
	if w.term.began.After(since) {
		since = time.Time{} // one that the new leader adopts holds its place anew, however old it is
	}
	for _, kb := range w.backups() {
		if w.waits(kb.Name) && w.underWay(since, true) == 0 {
			w.violate(fmt.Errorf("turns: the run of %s waits although nothing is under way: %+v", kb.Name, w.term.r.turns.Figures(w.clock.Now())))
		}
	}
}

// waits reports whether a run of the KafkaBackup is under way: when the scheduler
// rests, it waits for its turn, or for room for its next snapshot.
func (w *world) waits(backup string) bool {
	return w.term.r.jobs.isRunning(types.NamespacedName{Namespace: namespace, Name: backup})
}

// early reports whether a time is before the first one of an interval that is
// counted from the KafkaBackup's creation.
func (w *world) early(kb *v1alpha1.KafkaBackup, at time.Time) bool {
	c := cadenceOf(kb)
	return c.anchored && at.Before(time.Unix(0, int64(c.offset)).Add(c.period))
}
