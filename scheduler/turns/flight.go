package turns

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/snapshots"
)

const (
	// holdsFor is how long a snapshot that is not cut counts as under way. The
	// storage may have lost it, and nobody can tell.
	holdsFor = 10 * time.Minute

	// failsFor is how long one counts that the driver fails to take, though it says
	// that it is not at it any more. It is retried, ever more rarely.
	failsFor = time.Minute
)

// flight is a snapshot that was created, or is being created, and was not seen to
// be cut yet.
type flight struct {
	class     string
	scheduled time.Time
	created   time.Time
	seen      bool // the cache has had it
	failing   bool // and the storage is not at it
	throttled bool
}

// underWay reports whether the storage is still at it.
func (f flight) underWay(now time.Time) bool {
	limit := holdsFor
	if f.failing {
		limit = failsFor
	}
	return now.Sub(f.created) < limit
}

// flights are those of one KafkaBackup, by the name of the snapshot.
type flights map[string]flight

// saw brings the flights in line with the KafkaBackup's snapshots, as the cache has
// them. A snapshot that the cache has never had stays: the cache may be behind. all
// says that these are all snapshots of the KafkaBackup.
func (of flights) saw(own []snapshots.Snapshot, all bool, now time.Time) {
	there := make(map[string]bool, len(of))
	for i := range own {
		s := &own[i]
		known, ok := of[s.Name]
		if !s.Cut.IsZero() || s.Ready || s.Deleting || s.Imported {
			delete(of, s.Name)
			continue
		}
		f := flight{class: s.Class, scheduled: s.Scheduled, created: s.Created, seen: true}
		switch {
		case ok:
			f.class, f.created = known.class, known.created
		case f.created.After(now): // the apiserver's clock is ahead
			f.created = now
		}
		f.throttled = s.Failure != "" && s.Throttled()
		f.failing = s.Failure != "" && !s.MayBeUnderWay()
		there[s.Name] = true
		if ok || now.Sub(f.created) < holdsFor {
			of[s.Name] = f
		}
	}
	for name, f := range of {
		if all && f.seen && !there[name] || now.Sub(f.created) >= holdsFor {
			delete(of, name)
		}
	}
}

// Seen are snapshots of one KafkaBackup.
type Seen struct {
	Backup types.NamespacedName
	Own    []snapshots.Snapshot
}
