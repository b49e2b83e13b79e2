// Package history keeps what Snapback has decided and done in Kafka clusters: a line
// of the log each, and the last ones of a cluster in a ConfigMap.
//
// A [Document] is pure: it reads and merges the content of such a ConfigMap. The
// [Recorder] writes.
package history

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// The limits of a document. The apiserver stores 1 MiB in a ConfigMap.
const (
	maxEntries = 400 << 10 // bytes of all entries
	maxUnread  = 16 << 10  // bytes of what cannot be read
	maxBatches = 16        // ids of the batches that were written last
)

// The keys of a ConfigMap with a history.
const (
	keyEntries = "entries.jsonl"
	keySummary = "summary.json"
	keyUnread  = "unread.txt"
)

// Document is the history of one Kafka cluster, the oldest first.
type Document struct {
	Summary Summary

	lines  []line
	unread []string // lines that are no entries: somebody has edited them
}

// Summary says what a document lacks.
type Summary struct {
	Dropped *Gap `json:"dropped,omitempty"` // there was no room for them
	Lost    *Gap `json:"lost,omitempty"`    // they could not be written; the log has them

	Batches []string `json:"batches,omitempty"` // that were written last, so that none is written twice
}

// Gap is how many entries are missing, and the time of the newest of them.
type Gap struct {
	Count int         `json:"count"`
	Last  metav1.Time `json:"last"`
}

// line is an entry with its text, which keeps the fields that only a newer version knows.
type line struct {
	v1alpha1.HistoryEntry
	text string
}

func newLine(e v1alpha1.HistoryEntry) line {
	text, _ := json.Marshal(e) //nolint:errchkjson // it has only texts, times and numbers
	return line{e, string(text)}
}

// Parse returns the document in the data of a ConfigMap. It never fails: what cannot be
// read is kept aside.
func Parse(data map[string]string) *Document {
	d := &Document{}
	if text := data[keySummary]; text != "" {
		if err := json.Unmarshal([]byte(text), &d.Summary); err != nil {
			d.Summary = Summary{}
			d.unread = append(d.unread, text)
		}
	}
	for text := range strings.Lines(data[keyUnread]) {
		d.setAside(text)
	}
	for text := range strings.Lines(data[keyEntries]) {
		l := line{text: strings.TrimSpace(text)}
		if err := json.Unmarshal([]byte(l.text), &l.HistoryEntry); err != nil || l.ID == "" || l.Kind == "" || l.Time.IsZero() {
			d.setAside(text)
			continue
		}
		d.lines = append(d.lines, l)
	}
	return d
}

func (d *Document) setAside(text string) {
	if text = strings.TrimSpace(text); text != "" {
		d.unread = append(d.unread, text)
	}
}

// Data returns the document as the data of a ConfigMap.
func (d *Document) Data() map[string]string {
	var entries strings.Builder
	for _, l := range d.lines {
		entries.WriteString(l.text)
		entries.WriteByte('\n')
	}
	summary, _ := json.Marshal(d.Summary) //nolint:errchkjson // it has only texts, times and numbers
	data := map[string]string{keyEntries: entries.String(), keySummary: string(summary)}
	if len(d.unread) > 0 {
		data[keyUnread] = strings.Join(d.unread, "\n") + "\n"
	}
	return data
}

// Entries returns all entries, the oldest first.
func (d *Document) Entries() []v1alpha1.HistoryEntry {
	all := make([]v1alpha1.HistoryEntry, len(d.lines))
	for i, l := range d.lines {
		all[i] = l.HistoryEntry
	}
	return all
}

// Unread returns the lines that are no entries.
func (d *Document) Unread() []string { return slices.Clone(d.unread) }

// Seen returns when the last one happened that an entry stands for.
func Seen(e v1alpha1.HistoryEntry) time.Time {
	if e.Last != nil {
		return e.Last.Time
	}
	return e.Time.Time
}

// limit drops the oldest entries until the rest fits. Prunes go first while they fill
// more than half: a schedule that prunes every hour must not push out why a broker came
// back empty last week.
func (d *Document) limit() {
	size, prunes := 0, 0
	for _, l := range d.lines {
		size += len(l.text) + 1
		if l.Kind == v1alpha1.HistoryPruned {
			prunes += len(l.text) + 1
		}
	}
	d.drop(func(l line) bool {
		goes := size > maxEntries && prunes > maxEntries/2 && l.Kind == v1alpha1.HistoryPruned
		if goes {
			size, prunes = size-len(l.text)-1, prunes-len(l.text)-1
		}
		return goes
	})
	d.drop(func(l line) bool {
		goes := size > maxEntries
		if goes {
			size -= len(l.text) + 1
		}
		return goes
	})
	size = 0
	for _, text := range d.unread {
		size += len(text) + 1
	}
	for size > maxUnread {
		size -= len(d.unread[0]) + 1
		d.unread = d.unread[1:]
		d.Summary.Dropped = d.Summary.Dropped.with(1, time.Time{})
	}
}

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

// with returns the gap with more that are missing.
func (g *Gap) with(n int, last time.Time) *Gap {
	sum := Gap{Count: n, Last: metav1.NewTime(last)}
	if g != nil {
		sum.Count += max(g.Count, 0)
		if g.Last.After(last) {
			sum.Last = g.Last
		}
	}
	return &sum
}
