package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// What Apache Kafka has acknowledged can be read at the end. It promises that while one
// broker at a time is lost, however old its disk comes back: the others have
// the record. Of two that were lost before all were in sync again, one may lead
// with what it came back with, so that a record may be gone which one of these disks did
// not hold. Such a loss takes the end of the log, not something out of its middle.
var _ = register(Check{Name: "acknowledged", Run: func(h *history.History) []Violation {
	var wrong []history.Acked
	for _, a := range h.Kafka.Missing() {
		if !mayBeGone(h, a) {
			wrong = append(wrong, a)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	first, last := wrong[0], wrong[len(wrong)-1]
	c, _ := h.Layout.Apache()
	return []Violation{{Namespace: c.Namespace, Volume: c.Namespace + "/", Seq: h.Kafka.ReadSeq,
		What: fmt.Sprintf("%d records, from number %d (acknowledged at %s) to %d (%s), cannot be read, and there was always a broker that had to have them",
			len(wrong), first.Number, first.Time.Format(time.StampMilli), last.Number, last.Time.Format(time.StampMilli))}}
}})

// mayBeGone reports whether Kafka could lose a record: between two times at which all
// brokers were in sync, two of them ended, and one came back on a disk without it.
func mayBeGone(h *history.History, a history.Acked) bool {
	gone := goneBy(h, a)
	for _, w := range windows(h) {
		if !w.to.After(a.Sent) || w.from.After(gone) {
			continue
		}
		within := a.Sent.After(w.from) // no disk that came back since the window began had to have it
		if from, to := latest(w.from, a.Sent), earliest(w.to, gone); brokersEnded(h, from, to) >= 2 && (within || lacking(h, a, from, to)) {
			return true
		}
	}
	return false
}

// goneBy is when a record that is missing was gone at the latest: when another one that
// is there was acknowledged, which was sent after it.
func goneBy(h *history.History, a history.Acked) time.Time {
	for _, next := range h.Kafka.Acked {
		if next.Sent.After(a.Time) && h.Kafka.Readable.Has(next.Number) {
			return next.Time
		}
	}
	return h.End
}

// window is the time between two at which all brokers were in sync.
type window struct{ from, to time.Time }

func windows(h *history.History) (all []window) {
	var from time.Time
	for _, s := range h.Kafka.InSync {
		all = append(all, window{from, s.Since})
		from = s.Since
	}
	return append(all, window{from, h.End})
}

// brokersEnded is of how many brokers a process has ended, with its disk or by itself.
func brokersEnded(h *history.History, from, to time.Time) int {
	nodes := map[int]bool{}
	for _, b := range h.Kafka.Brokers {
		if b.Ended != "" && !b.Time.Before(from) && !b.Time.After(to) {
			nodes[b.Node] = true
		}
	}
	return len(nodes)
}

// lacking reports whether a broker came back on a disk that did not hold a record for
// certain.
func lacking(h *history.History, a history.Acked, from, to time.Time) bool {
	known := map[string]bool{} // disks that a broker was on before: they are whole
	for _, b := range h.Kafka.Brokers {
		if b.Ended == "" && !known[b.UID] && !b.Time.Before(from) && !b.Time.After(to) && !held(h, a, b.UID) {
			return true
		}
		known[b.UID] = true
	}
	return false
}

// held reports whether the disk of a claim certainly held a record from its begin: it is
// from a snapshot of a disk that was in sync between the record and the cut, or
// that held it from its own begin.
func held(h *history.History, a history.Acked, uid string) bool {
	c := h.ClaimOf(uid)
	if c == nil {
		return false
	}
	source := h.SourceOf(c)
	if source == nil {
		return false
	}
	cut, ok := source.Cut()
	if !ok {
		return false
	}
	for _, s := range h.Kafka.InSync {
		if !s.Since.Before(a.Time) && !s.Since.After(cut) && slices.Contains(s.UIDs, source.SourceUID) {
			return true
		}
	}
	return held(h, a, source.SourceUID)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
