package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// refusal is a create that failed.
type refusal struct {
	began time.Time
	why   string
}

// turn is what was measured of one side in one turn.
type turn struct {
	number    int
	side      string
	latencies []time.Duration // of the claims, with their retries
	took      time.Duration   // until all were answered
	killed    time.Time       // when the replica was
	refused   []refusal
	empty     int
}

// inFlight is the number of refused creates that had begun when the replica was
// killed; all others should have been answered by the one that was left.
func (t turn) inFlight() (n int) {
	for _, r := range t.refused {
		if r.began.Before(t.killed) {
			n++
		}
	}
	return n
}

// later is the number of refused creates that were not in flight on the killed replica.
func (t turn) later() int { return len(t.refused) - t.inFlight() }

func (t turn) String() string {
	return fmt.Sprintf("%d claims in %s, refused in flight %d, later %d, empty %d",
		len(t.latencies), t.took.Round(time.Millisecond), t.inFlight(), t.later(), t.empty)
}

// begin prints the head of the table, which gets its rows night by night.
func (n *night) begin(w io.Writer) {
	fmt.Fprintf(w, "%d claims at once by %d clients, %d snapshots:\n\n", n.sides[0].world.volumes(), nightWorkers, n.options.snapshots)
	header(w, "night", "answered by", "refused in flight", "refused later", "empty", "p50 ms", "p99 ms", "all answered s", "ratio")
}

// rows prints the rows of one night.
func (n *night) rows(w io.Writer, turns []turn) {
	for _, t := range turns {
		row(w, t.number, t.side, t.inFlight(), t.later(), t.empty, milliseconds(quantile(t.latencies, 0.5)),
			milliseconds(quantile(t.latencies, 0.99)), t.took, t.took.Seconds()/n.other(t).took.Seconds())
	}
}

// end prints the aims and texts, which need all nights.
func (n *night) end(w io.Writer) {
	var later, empty int
	var ratios []float64
	for _, t := range n.turns {
		if t.side == ours.name {
			later += t.later()
			empty += t.empty
			ratios = append(ratios, t.took.Seconds()/n.other(t).took.Seconds())
		}
	}
	fmt.Fprintln(w)
	printAims(w,
		aim{"refused, but for those in flight on the killed replica: 0", fmt.Sprint(later), later == 0},
		aim{"empty although there is a snapshot: 0", fmt.Sprint(empty), empty == 0},
		atMost(1.5, quantile(ratios, 0.5), "x", "time until all are answered, against allow only, the median,"),
	)
	if said := n.words(); len(said) > 0 {
		fmt.Fprint(w, "\nRefused after the replica was killed:\n\n")
		for _, words := range said {
			fmt.Fprintf(w, "- %s\n", words)
		}
	}
}

// other is the turn of the webhook that only allows, of the same number.
func (n *night) other(t turn) turn {
	i := slices.IndexFunc(n.turns, func(o turn) bool { return o.number == t.number && o.side == allowOnly.name })
	return n.turns[i]
}

// words are the first texts of creates that should not have been refused.
func (n *night) words() (said []string) {
	for _, t := range n.turns {
		for _, r := range t.refused {
			if !r.began.Before(t.killed) && len(said) < 3 {
				said = append(said, t.side+": "+r.why)
			}
		}
	}
	return said
}
