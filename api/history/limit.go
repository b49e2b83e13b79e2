package history

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// limit drops the oldest entries until the rest fits. Prunes go first while they fill
// more than half: a schedule that prunes every hour must not push out why a broker came
// back empty last week.
func (d *Document) limit() {
	size, prunes := 0, 0
	for _, l := range d.lines {
		size += l.size()
		if l.Kind == v1alpha1.HistoryPruned {
			prunes += l.size()
		}
	}
	d.drop(func(l line) bool {
		goes := size > maxEntries && prunes > maxEntries/2 && l.Kind == v1alpha1.HistoryPruned
		if goes {
			size, prunes = size-l.size(), prunes-l.size()
		}
		return goes
	})
	d.drop(func(l line) bool {
		goes := size > maxEntries
		if goes {
			size -= l.size()
		}
		return goes
	})
	d.limitUnread()
}

// size returns how many bytes an entry takes.
func (l line) size() int { return len(l.text) + 1 }

// drop removes entries, and counts them.
func (d *Document) drop(goes func(line) bool) {
	d.lines = slices.DeleteFunc(d.lines, func(l line) bool {
		if !goes(l) {
			return false
		}
		d.Summary.Dropped = d.Summary.Dropped.with(1, Seen(l.HistoryEntry))
		return true
	})
}

// limitUnread drops the oldest lines that are no entries until the rest fits.
func (d *Document) limitUnread() {
	size := 0
	for _, text := range d.unread {
		size += len(text) + 1
	}
	for size > maxUnread {
		size -= len(d.unread[0]) + 1
		d.unread = d.unread[1:]
		d.Summary.Unread = add(d.Summary.Unread, 1)
	}
}

// with returns the gap with more that are missing.
func (g *Gap) with(n int, last time.Time) *Gap {
	sum := Gap{Count: n, Last: metav1.NewTime(last)}
	if g != nil {
		sum.Count = add(g.Count, n)
		if g.Last.After(last) {
			sum.Last = g.Last
		}
	}
	return &sum
}

// believe takes a time back that is in the future: otherwise it would say for ever that
// nothing before it is complete.
func (g *Gap) believe(now time.Time) {
	if g != nil && g.Last.After(now.Add(maxAhead)) {
		g.Last = metav1.NewTime(now.UTC().Truncate(time.Second))
	}
}

// add returns the sum of two counts, of which somebody may have edited the first.
func add(before, more int) int { return min(max(before, 0), maxCount) + more }
