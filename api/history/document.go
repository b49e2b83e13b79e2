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
	maxLine    = 32 << 10  // bytes of one: no Snapback writes a longer one
	maxUnread  = 16 << 10  // bytes of what cannot be read
	maxBatches = 16        // ids of the batches that were written last
	maxID      = 64        // bytes of each of these
	maxCount   = 1 << 30   // of anything: somebody may have edited a number
)

// maxAhead is how far clocks are trusted to differ: a later time was edited, or a clock
// was wrong.
const maxAhead = 24 * time.Hour

// The keys of a ConfigMap with a history.
const (
	keyEntries = "entries.jsonl"
	keySummary = "summary.json"
	keyUnread  = "unread.txt"
)

// Document is the history of one Kafka cluster, in the order in which it was written, the
// oldest first. No clock decides what goes first: one that was wrong for an hour, or
// somebody who edits a time, would push out the true ones.
type Document struct {
	Summary Summary

	lines  []line
	unread []string // lines that are no entries: somebody has edited them
}

// Summary says what a document lacks.
type Summary struct {
	Dropped *Gap `json:"dropped,omitempty"` // there was no room for them
	Lost    *Gap `json:"lost,omitempty"`    // they could not be written; the log has them
	Unread  int  `json:"unread,omitempty"`  // lines that are no entries, for which there was no room either

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
	text  string
	fresh bool // the last batch has added or joined it
}

func newLine(e v1alpha1.HistoryEntry) line {
	text, _ := json.Marshal(e) //nolint:errchkjson // it has only texts, times and numbers
	return line{HistoryEntry: e, text: string(text), fresh: true}
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
	d.Summary.Batches = slices.DeleteFunc(d.Summary.Batches, func(id string) bool { return len(id) > maxID })
	for text := range strings.Lines(data[keyUnread]) {
		d.setAside(text)
	}
	for text := range strings.Lines(data[keyEntries]) {
		if l := (line{text: strings.TrimSpace(text)}); l.read() {
			d.lines = append(d.lines, l)
		} else {
			d.setAside(text)
		}
	}
	return d
}

// read reads the entry from its text, and reports whether it is one.
func (l *line) read() bool {
	if len(l.text) > maxLine || json.Unmarshal([]byte(l.text), &l.HistoryEntry) != nil {
		return false
	}
	return l.ID != "" && l.Kind != "" && !l.Time.IsZero()
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
