package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/history"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// What Apache Kafka has acknowledged can be read at the end. It promises that while one
// broker at a time is lost, however old its disk comes back: the others have
// the record. Of two that were lost before all were in sync again, one may lead
// with what it came back with, so that a record may be gone which one of these disks did
// not hold. Such a loss takes the end of the log, not something out of its middle.
var _ = register(Check{Name: "acknowledged", Run: func(h *history.History) []Violation {
	if h.Kafka.Readable == nil {
		return nil
	}
	var wrong []history.Acked // the last one first
	all, gone := windows(h), h.End
	for _, a := range slices.Backward(h.Kafka.Acked) {
		if h.Kafka.Readable.Has(a.Number) {
			gone = a.Time // those before it that are missing now were so when it was sent
		} else if !slices.ContainsFunc(all, func(w window) bool { return w.explains(h, a, gone) }) {
			wrong = append(wrong, a)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	first, last := wrong[len(wrong)-1], wrong[0]
	c, _ := h.Layout.Apache()
	return []Violation{{Namespace: c.Namespace, Volume: c.Namespace + "/", Seq: h.Kafka.ReadSeq,
		What: fmt.Sprintf("%d records, from number %d (acknowledged at %s) to %d (%s), cannot be read, and there was always a broker that had to have them",
			len(wrong), first.Number, first.Time.Format(time.StampMilli), last.Number, last.Time.Format(time.StampMilli))}}
}})

// window is the time between two at which all brokers were in sync, with what their
// processes did.
type window struct {
	from, to time.Time
	brokers  []began
}

// began is the begin of a process, or its end.
type began struct {
	history.Broker
	anew bool // on a disk that no process was on before
}

// windows are those in which something happened to a broker.
func windows(h *history.History) (all []window) {
	w := window{}
	known := map[string]bool{} // disks
	left := h.Kafka.Brokers
	for _, s := range append(slices.Clone(h.Kafka.InSync), record.InSync{Since: h.End}) {
		w.to = s.Since
		for ; len(left) > 0 && !left[0].Time.After(w.to); left = left[1:] {
			w.brokers = append(w.brokers, began{left[0], !known[left[0].UID]})
			known[left[0].UID] = true
		}
		if len(w.brokers) > 0 {
			all = append(all, w)
		}
		w = window{from: s.Since}
	}
	return all
}

// explains reports whether Kafka could lose a record in a window, before a time: two
// brokers ended, and one came back on a disk without it.
func (w window) explains(h *history.History, a history.Acked, gone time.Time) bool {
	ended, lacking := map[int]bool{}, a.Sent.After(w.from) // no disk that came back in the window it was sent in had to have it
	for _, b := range w.brokers {
		switch {
		case b.Time.Before(a.Sent) || b.Time.After(gone):
		case b.Ended != "":
			ended[b.Node] = true
		case b.anew && !lacking:
			lacking = !held(h, a, b.UID)
		}
	}
	return len(ended) >= 2 && lacking
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
	from := source.OriginAt(c.First().Revision).Claim
	first, _ := slices.BinarySearchFunc(h.Kafka.InSync, a.Time, func(s record.InSync, at time.Time) int { return s.Since.Compare(at) })
	for _, s := range h.Kafka.InSync[first:] {
		if s.Since.After(cut) {
			break
		}
		if slices.Contains(s.UIDs, from) {
			return true
		}
	}
	return held(h, a, from)
}
