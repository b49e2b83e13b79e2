package main

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// beginLooks prints the head of the table of looks, which gets its rows one by one.
func (d *due) beginLooks(w io.Writer) {
	fmt.Fprintf(w, "Looks at a KafkaBackup with %d snapshots of its own:\n\n", d.options.history)
	header(w, "after", "looks", "one look ms", "CPU ms from look to look")
}

func (l looks) print(w io.Writer) {
	row(w, l.after, strconv.Itoa(int(l.count)), milliseconds(l.mean), milliseconds(l.cpu))
}

func (d *due) printRest(w io.Writer) {
	fmt.Fprintf(w, "\n%d KafkaBackups of %d volumes each, %d snapshots, at rest:\n\n", d.options.backups, nodesEach, d.options.snapshots)
	header(w, "seconds", "looks", "CPU ms per look", "resident MB", "peak MB", "requests")
	q := d.quiet
	row(w, q.took, strconv.Itoa(int(q.looks)), milliseconds(q.cpu)/q.looks, q.resident, q.peak, q.requests)
}

func (s starts) print(w io.Writer) {
	fmt.Fprint(w, "\nAll of them are due at the same moment:\n\n")
	header(w, "runs", "snapshots", "first of a run after s: median", "p99", "last", "last of a run after s: median", "last", "CPU s", "peak MB")
	row(w, len(s.first), s.snapshots, quantile(s.first, 0.5), quantile(s.first, 0.99), quantile(s.first, 1), quantile(s.last, 0.5), quantile(s.last, 1),
		s.cpu, s.peak)
	fmt.Fprintf(w, "\nRequests from two seconds before to two seconds after all runs: %s\n", s.requests)
}

func (d *due) printAims(w io.Writer) {
	writes := d.quiet.requests.of("patch kafkabackups/status") + d.quiet.requests.of("update kafkabackups/status")
	var slowest time.Duration
	for _, l := range d.looks {
		slowest = max(slowest, l.mean)
	}
	printAims(w,
		atMost(2, quantile(d.starts.first, 1).Seconds(), " s", "first snapshot of each run, after it was due,"),
		atMost(5, milliseconds(slowest), " ms", fmt.Sprintf("one look with %d snapshots of its own", d.options.history)),
		atMost(0, float64(writes), "", "status writes in a quiet minute"),
		atMost(400, max(d.quiet.peak, d.starts.peak), " MB", "resident, at its peak,"),
	)
}
