package history

import (
	"slices"
	"strings"
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

// joinWithin is the longest time between two refusals that are one entry: an operator
// tries again for as long as it is refused.
const joinWithin = time.Hour

// repeat is what two refusals have in common that are one entry.
type repeat struct {
	reason, namespace, cluster, volume, claim, actor, message string
}

// repeatOf returns what the repeats of an entry have in common. Only a refusal has any.
func repeatOf(e v1alpha1.HistoryEntry) (repeat, bool) {
	return repeat{e.Reason, e.Namespace, e.Cluster, e.Volume, e.Claim, e.Actor, e.Message}, e.Kind == v1alpha1.HistoryRefused
}

// join adds a repeat to an entry, if they are not too far apart.
func join(into *v1alpha1.HistoryEntry, e v1alpha1.HistoryEntry) bool {
	first, last := into.Time, Seen(*into)
	if e.Time.Sub(last) > joinWithin || first.Sub(Seen(e)) > joinWithin {
		return false
	}
	into.Count = max(into.Count, 1) + max(e.Count, 1)
	if e.Time.Before(&first) {
		into.Time = e.Time
	}
	if seen := Seen(e); !seen.Before(last) {
		last, into.Admission = seen, e.Admission
	}
	into.Last = &metav1.Time{Time: last}
	return true
}

// Add adds a batch: it joins repeats, leaves out what the document has already, and
// drops the oldest if there is no room.
func (d *Document) Add(b Batch) {
	if b.ID != "" && slices.Contains(d.Summary.Batches, b.ID) {
		return
	}
	known, repeats := map[string]bool{}, map[repeat]int{}
	for i, l := range d.lines {
		known[l.ID] = true
		if r, ok := repeatOf(l.HistoryEntry); ok {
			repeats[r] = i // the newest
		}
	}
	for _, e := range b.Entries {
		if known[e.ID] {
			continue
		}
		known[e.ID] = true
		r, repeatable := repeatOf(e)
		if i, ok := repeats[r]; ok && repeatable && join(&d.lines[i].HistoryEntry, e) {
			d.lines[i] = newLine(d.lines[i].HistoryEntry)
			continue
		}
		d.identify(e)
		d.lines = append(d.lines, newLine(e))
		if repeatable {
			repeats[r] = len(d.lines) - 1
		}
	}
	if b.Lost != nil {
		d.Summary.Lost = d.Summary.Lost.with(b.Lost.Count, b.Lost.Last.Time)
	}
	if b.ID != "" {
		all := append(d.Summary.Batches, b.ID)
		d.Summary.Batches = all[max(len(all)-maxBatches, 0):]
	}
	slices.SortStableFunc(d.lines, func(a, b line) int { return Seen(a.HistoryEntry).Compare(Seen(b.HistoryEntry)) })
	d.limit()
}

// answered are the kinds of the webhook's answers to claims that the scheduler sees
// afterwards, by what it says of them.
var answered = map[v1alpha1.HistoryKind]v1alpha1.HistoryKind{
	v1alpha1.HistoryVerified: v1alpha1.HistoryRestored,
	v1alpha1.HistoryFound:    v1alpha1.HistoryStartedEmpty,
}

// identify writes the UID of a claim that the scheduler has seen into the entry of the
// webhook's answer: a claim has no UID yet when the webhook answers.
func (d *Document) identify(e v1alpha1.HistoryEntry) {
	for i := len(d.lines) - 1; i >= 0; i-- {
		if l := &d.lines[i]; l.Kind == answered[e.Kind] && l.Volume == e.Volume && l.Snapshot == e.Snapshot && strings.HasPrefix(e.Claim, l.Claim) {
			if l.ClaimUID == "" {
				l.Claim, l.ClaimUID = e.Claim, e.ClaimUID
				*l = newLine(l.HistoryEntry)
			}
			return
		}
	}
}
