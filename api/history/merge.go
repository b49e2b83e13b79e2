package history

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Batch is what is written to a document at once.
type Batch struct {
	ID      string // a batch that a document already has is not added again
	Entries []v1alpha1.HistoryEntry
	Lost    *Gap // entries that could not be written since the last batch
}

// joinWithin is the longest time between two answers of the webhook that are one entry:
// an operator tries again for as long as its claim is refused, by Snapback or by somebody
// else, such as a quota.
const joinWithin = time.Hour

// repeat is what two answers have in common that are one entry.
type repeat struct {
	kind                                                                   v1alpha1.HistoryKind
	reason, namespace, cluster, volume, claim, snapshotUID, actor, message string
}

// repeatOf returns what the repeats of an entry have in common. Only the webhook's answers
// have any, until their claim was seen.
func repeatOf(e v1alpha1.HistoryEntry) (repeat, bool) {
	answer := e.Kind == v1alpha1.HistoryRefused || e.Kind == v1alpha1.HistoryRestored || e.Kind == v1alpha1.HistoryStartedEmpty
	return repeat{e.Kind, e.Reason, e.Namespace, e.Cluster, e.Volume, e.Claim, e.SnapshotUID, e.Actor, e.Message}, answer && e.ClaimUID == ""
}

// join adds a repeat to an entry, if they are not too far apart.
func join(into *v1alpha1.HistoryEntry, e v1alpha1.HistoryEntry) bool {
	first, last := into.Time, Seen(*into)
	if e.Time.Sub(last) > joinWithin || first.Sub(Seen(e)) > joinWithin {
		return false
	}
	into.Count = add(max(into.Count, 1), max(e.Count, 1))
	if e.Time.Before(&first) {
		into.Time = e.Time
	}
	if seen := Seen(e); !seen.Before(last) {
		last, into.Admission = seen, e.Admission
	}
	into.Last = &metav1.Time{Time: last}
	return true
}

// Add adds a batch at a time: it joins repeats, leaves out what the document has already,
// and drops the oldest if there is no room.
func (d *Document) Add(b Batch, now time.Time) {
	if b.ID != "" && slices.Contains(d.Summary.Batches, b.ID) {
		return
	}
	d.addAll(b.Entries)
	if b.Lost != nil {
		d.Summary.Lost = d.Summary.Lost.with(b.Lost.Count, b.Lost.Last.Time)
	}
	if b.ID != "" {
		all := append(d.Summary.Batches, b.ID)
		d.Summary.Batches = all[max(len(all)-maxBatches, 0):]
	}
	d.limit()
	d.Summary.Dropped.believe(now)
	d.Summary.Lost.believe(now)
}

func (d *Document) addAll(entries []v1alpha1.HistoryEntry) {
	known, repeats := map[string]bool{}, map[repeat]int{}
	for i := range d.lines {
		l := &d.lines[i]
		l.fresh, known[l.ID] = false, true
		if r, ok := repeatOf(l.HistoryEntry); ok {
			repeats[r] = i // the newest
		}
	}
	for _, e := range entries {
		if known[e.ID] {
			continue
		}
		known[e.ID] = true
		r, repeatable := repeatOf(e)
		if i, ok := repeats[r]; ok && repeatable && d.lines[i].ClaimUID == "" && join(&d.lines[i].HistoryEntry, e) {
			d.lines[i] = newLine(d.lines[i].HistoryEntry)
			continue
		}
		if repeatable {
			repeats[r] = len(d.lines)
		}
		d.lines = append(d.lines, newLine(d.matched(e)))
	}
	var old, fresh []line
	for _, l := range d.lines {
		if l.fresh {
			fresh = append(fresh, l)
		} else {
			old = append(old, l)
		}
	}
	d.lines = append(old, fresh...)
}
