package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// result is the recovery of one lost broker.
type result struct {
	size      float64 // GB
	way       string
	load      float64       // of the machine when it began: processes that want to run, over a minute
	bound     time.Duration // from the creation of the claim
	started   time.Duration // from then on; the broker answers and is in the cluster
	loaded    time.Duration // of that, Kafka's own figure for its logs
	recovered int           // segments that were read in it
	inSync    time.Duration // from then on; all partitions
	fetched   int64         // bytes that the broker got from its peer
	records   int64         // in its log dir, all that were acknowledged
}

// printTable prints a line for each recovery.
func printTable(out io.Writer, results []result) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "GB\tbroker\tload\tclaim to Bound s\tBound to started s\tof that logs loaded s\tsegments recovered\tstarted to in sync s\tall s\tfetched MB\trecords, none missing")
	for _, r := range results {
		fmt.Fprintf(w, "%g\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t%.1f\t%.1f\t%.1f\t%d\n", r.size, r.way, r.load, r.bound.Seconds(), r.started.Seconds(), r.loaded.Seconds(),
			r.recovered, r.inSync.Seconds(), (r.bound + r.started + r.inSync).Seconds(), float64(r.fetched)/1e6, r.records)
	}
	w.Flush() //nolint:errcheck // there is nobody to tell
}
