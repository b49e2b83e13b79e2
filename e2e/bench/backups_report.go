package main

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

func (d *due) print(w io.Writer) {
	latest := quantile(d.starts.first, 1)
	writes := d.quiet.requests.of("patch kafkabackups/status") + d.quiet.requests.of("update kafkabackups/status")
	var slowest time.Duration
	for _, l := range d.looks {
		slowest = max(slowest, l.mean)
	}
	aims := []aim{
		atMost(2, latest.Seconds(), " s", "first snapshot of each run, after it was due,"),
		atMost(5, milliseconds(slowest), " ms", fmt.Sprintf("one look with %d snapshots of its own", d.options.history)),
	}
	if d.quiet.took > 0 {
		aims = append(aims, atMost(0, float64(writes), "", "status writes in a quiet minute"))
	}
	printAims(w, append(aims, atMost(400, max(d.quiet.peak, d.starts.peak), " MB", "resident, at its peak,"))...)

	fmt.Fprintf(w, "\nLooks at a KafkaBackup with %d snapshots of its own:\n\n", d.options.history)
	header(w, "after", "looks", "one look ms", "CPU ms from look to look")
	for _, l := range d.looks {
		row(w, l.after, strconv.Itoa(int(l.count)), milliseconds(l.mean), milliseconds(l.cpu))
	}
	fmt.Fprintf(w, "\n%d KafkaBackups of %d volumes each, %d snapshots, at rest:\n\n", d.options.backups, nodesEach, d.options.snapshots)
	if q := d.quiet; q.took > 0 {
		header(w, "seconds", "looks", "CPU ms per look", "resident MB", "peak MB", "requests")
		row(w, q.took, strconv.Itoa(int(q.looks)), milliseconds(q.cpu)/q.looks, q.resident, q.peak, q.requests)
	} else {
		fmt.Fprintln(w, "Not measured: the scheduler came to rest too late.")
	}
	s := d.starts
	fmt.Fprint(w, "\nAll of them are due at the same moment:\n\n")
	header(w, "runs", "snapshots", "first of a run after s: median", "p99", "last", "last of a run after s: median", "last", "bare client s", "CPU s", "peak MB")
	row(w, len(s.first), s.snapshots, quantile(s.first, 0.5), quantile(s.first, 0.99), latest, quantile(s.last, 0.5), quantile(s.last, 1),
		d.bare, s.cpu, s.peak)
	fmt.Fprintf(w, "\nRequests from two seconds before to two seconds after all runs: %s\n", s.requests)
}
