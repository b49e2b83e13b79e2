package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// key names a cell of the table.
type key struct {
	count                int
	shape, mode, variant string
}

// cell holds the measurements of one cell, block by block.
type cell struct{ blocks []block }

type block struct {
	latencies []time.Duration
	took, cpu time.Duration
}

func (b block) p50() float64  { return milliseconds(quantile(b.latencies, 0.5)) }
func (b block) rate() float64 { return float64(len(b.latencies)) / b.took.Seconds() }

func (b *bench) cell(k key) *cell {
	if b.cells[k] == nil {
		b.cells[k] = &cell{}
	}
	return b.cells[k]
}

func (c *cell) add(b block) { c.blocks = append(c.blocks, b) }

// of is the median over the blocks.
func (c *cell) of(value func(block) float64) float64 {
	values := make([]float64, len(c.blocks))
	for i, b := range c.blocks {
		values[i] = value(b)
	}
	return quantile(values, 0.5)
}

// ratio is the median, over the blocks, of each value divided by the value of base
// that was measured in the same turn.
func (c *cell) ratio(base *cell, value func(block) float64) float64 {
	values := make([]float64, len(c.blocks))
	for i, b := range c.blocks {
		values[i] = value(b) / value(base.blocks[i])
	}
	return quantile(values, 0.5)
}

// p99 is the 99th percentile of all blocks together.
func (c *cell) p99() float64 {
	var all []time.Duration
	for _, b := range c.blocks {
		all = append(all, b.latencies...)
	}
	return milliseconds(quantile(all, 0.99))
}

// quantile is the value that a share q of the values does not exceed.
func quantile[T float64 | time.Duration](values []T, q float64) T {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); q == 0.5 && n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// print prints the tables of one number of snapshots. Ratios are to the webhook that only
// allows.
func (b *bench) print(w io.Writer, count int) {
	for _, dryRun := range []bool{true, false} {
		fmt.Fprintf(w, "%s creates, %d snapshots:\n\n", map[bool]string{true: "Dry-run", false: "Real"}[dryRun], count)
		header(w, "snapshots", "claims", "answered by", "p50 ms", "p99 ms", "p50 ratio", "per second, 8 at a time", "ratio", "per second, 32 at a time", "ratio")
		for _, s := range shapes {
			for _, v := range variants {
				b.printCell(w, dryRun, key{count: count, shape: s.name, variant: v.name})
			}
		}
		fmt.Fprintln(w)
	}
	header(w, "snapshots", "CPU ms per review: strimzi", "koperator", "resident MB: idle", "after the load")
	m := b.memory[count]
	row(w, count, b.cpuPerReview(count, shapes[0]), b.cpuPerReview(count, shapes[1]), m.idle, m.loaded)
	fmt.Fprintln(w)
}

// printAlone prints the table of the handlers alone.
func (b *bench) printAlone(w io.Writer) {
	fmt.Fprintf(w, "The handler alone, %d snapshots known, %.1f KB of heap each:\n\n", b.known, b.perSnapshot/1024)
	header(w, "handler", "claims", "p50 ms", "p99 ms", "ratio")
	for i := range b.alone {
		a := &b.alone[i]
		base := &b.alone[i/len(handlers)*len(handlers)]
		row(w, a.name, a.shape, a.of(block.p50), a.p99(), a.ratio(&base.cell, block.p50))
	}
	fmt.Fprintln(w)
}

// printCell prints what was measured of one variant, in all modes.
func (b *bench) printCell(w io.Writer, dryRun bool, k key) {
	cells := []any{k.count, k.shape, k.variant}
	for _, m := range modes {
		if m.dryRun != dryRun {
			continue
		}
		k.mode = m.name
		c, base := b.cell(k), b.base(k)
		if m.workers == 1 {
			cells = append(cells, c.of(block.p50), c.p99(), c.ratio(base, block.p50))
		} else {
			cells = append(cells, c.of(block.rate), c.ratio(base, block.rate))
		}
	}
	row(w, cells...)
}

// base is the cell of the webhook that only allows.
func (b *bench) base(k key) *cell {
	k.variant = allowOnly.name
	return b.cell(k)
}

// cpuPerReview is the CPU time of one review over all modes, in ms.
func (b *bench) cpuPerReview(count int, s shape) float64 {
	var used time.Duration
	reviews := 0
	for _, m := range modes {
		for _, block := range b.cell(key{count, s.name, m.name, ours.name}).blocks {
			used += block.cpu
			reviews += len(block.latencies)
		}
	}
	return milliseconds(used) / float64(reviews)
}

// printAims compares the worst measurements with the aims.
func (b *bench) printAims(w io.Writer) {
	var slowest, flat, handler float64
	rate := map[int]float64{}
	counts := b.options.counts
	most, least := counts[len(counts)-1], counts[0]
	for _, s := range shapes {
		for _, m := range modes {
			of := func(count int) *cell { return b.cell(key{count, s.name, m.name, ours.name}) }
			for _, count := range counts {
				base := b.base(key{count: count, shape: s.name, mode: m.name})
				if ratio := of(count).ratio(base, block.rate); m.workers > 1 && (rate[m.workers] == 0 || ratio < rate[m.workers]) {
					rate[m.workers] = ratio
				} else if m.workers == 1 {
					slowest = max(slowest, of(count).ratio(base, block.p50))
				}
			}
			if m.workers == 1 {
				flat = max(flat, of(most).of(block.p50)/of(least).of(block.p50))
			}
		}
	}
	for i := range b.alone {
		base := &b.alone[i/len(handlers)*len(handlers)]
		handler = max(handler, b.alone[i].ratio(&base.cell, block.p50))
	}
	printAims(w,
		atMost(1.6, slowest, "x", "p50 one at a time, against allow only,"),
		atLeast(0.65, rate[8], "x", "rate eight at a time, against allow only,"),
		atLeast(0.65, rate[32], "x", "rate 32 at a time, against allow only,"),
		atMost(1.2, flat, "x", fmt.Sprintf("p50 with %d snapshots, to %d,", most, least)),
		atMost(1.25, handler, "x", "handler alone, against allow only,"),
		atMost(70, max(b.memory[most].idle, b.memory[most].loaded), " MB", fmt.Sprintf("resident with %d snapshots", most)),
	)
}
