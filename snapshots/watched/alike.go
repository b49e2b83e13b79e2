package watched

import (
	"sync"

	"github.com/snapback-dev/snapback/snapshots"
)

const (
	// largeList is the number of objects of a list that takes much more memory while it
	// is read than what is kept of it.
	largeList = 10_000

	// maxAlike is how many volumes are remembered at once.
	maxAlike = 20_000
)

// alike remembers the last snapshot of each volume while a list is read. Snapshots of
// a volume share what is equal before the catalog has them, or the list would take
// twice as much memory as the catalog.
type alike struct {
	mu    sync.Mutex
	of    map[string]snapshots.Snapshot // by the volume's hash
	count int                           // of the snapshots of the first list
	known bool                          // the first list has ended
}

func (a *alike) share(s snapshots.Snapshot) snapshots.Snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count++; a.count == largeList && !a.known {
		saveMemory()
	}
	if like, ok := a.of[s.Volume]; ok {
		return s.Share(&like)
	}
	if a.of == nil || len(a.of) >= maxAlike {
		a.of = map[string]snapshots.Snapshot{}
	}
	a.of[s.Volume] = s
	return s
}

// forget ends the list. A snapshot that changes later shares with those in the catalog.
func (a *alike) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of, a.known = nil, true
}
