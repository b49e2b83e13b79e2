package main

import (
	"fmt"
	"io"
)

// print prints the tables of one process.
func (r standingResult) print(w io.Writer) {
	fmt.Fprintf(w, "The %s, at rest and in the end:\n\n", r.name)
	header(w, "start to ready s", "all KafkaBackups looked at s", "resident MB", "peak MB", "in the end MB", "peak MB")
	looked := any("")
	if r.looked > 0 {
		looked = r.looked
	}
	row(w, r.ready, looked, r.resident, r.peak, r.residentIn, r.peakIn)
	fmt.Fprint(w, "\nIts requests:\n\n")
	header(w, "of its start", "after its connections were cut", "after the apiserver was restarted")
	row(w, r.start, r.cut, r.moved)
	fmt.Fprintln(w)
}

// printAims prints what was to be reached.
func (m *standing) printAims(w io.Writer) {
	limits := map[string]float64{"webhook": 150, "scheduler": 400}
	var aims []aim
	for _, r := range m.results {
		aims = append(aims,
			atMost(limits[r.name], max(r.peak, r.peakIn), " MB", "resident, the "+r.name+" at its peak,"),
			atMost(20, max(r.ready, r.looked).Seconds(), " s", "start to ready, the "+r.name+","),
			atMost(0, float64(r.cut.of("list")), "", "lists after the connections were cut, the "+r.name+","),
			atMost(1, float64(r.moved.mostLists()), "", "lists of one watched kind after the apiserver was restarted, the "+r.name+","),
		)
	}
	fmt.Fprintf(w, "%d snapshots, %d claims:\n\n", m.options.snapshots, m.options.claims)
	printAims(w, aims...)
}
