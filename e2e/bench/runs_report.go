package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// begin prints the head of the table, which gets its rows turn by turn.
func (r *runs) begin(w io.Writer) {
	fmt.Fprintf(w, "Runs of %d volumes, beside a client with %d workers that only creates as many VolumeSnapshots;\n"+
		"requests from a second before the run to a second after it:\n\n", r.volumes, bareWorkers)
	header(w, "turn", "bare client s", "run s", "ratio", "CPU ms per snapshot", "resident MB", "requests")
}

func (r *runs) print(w io.Writer, turn int, one oneRun) {
	var said []string
	for what, n := range one.requests {
		said = append(said, fmt.Sprintf("%s %.0f", what, n))
	}
	slices.Sort(said)
	row(w, turn+1, one.bare, one.run, one.ratio(), r.perSnapshot(one), one.resident, strings.Join(said, ", "))
}

// end prints the aims, which need all turns.
func (r *runs) end(w io.Writer, all []oneRun) {
	var ratios []float64
	var most float64
	for _, one := range all {
		ratios = append(ratios, one.ratio())
		most = max(most, r.perSnapshot(one))
	}
	fmt.Fprintln(w)
	printAims(w,
		atMost(1.25, quantile(ratios, 0.5), "x", "time of a run, against the bare client, the median,"),
		atMost(0.8, most, " ms", "CPU for each snapshot"),
	)
}

func (o oneRun) ratio() float64 { return o.run.Seconds() / o.bare.Seconds() }

// perSnapshot is the CPU time of the scheduler, in ms.
func (r *runs) perSnapshot(one oneRun) float64 { return milliseconds(one.cpu) / float64(r.volumes) }
