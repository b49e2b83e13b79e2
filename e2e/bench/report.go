package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
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

// print prints the tables.
func (b *bench) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "snapshots\tclaims\tcreated\tanswered by\tp50 ms\tp99 ms\tper second\tp50 ratio\trate ratio")
	for _, count := range counts {
		for _, s := range shapes {
			for _, m := range modes {
				b.printCells(w, key{count: count, shape: s.name, mode: m.name})
			}
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "snapshots\tCPU ms per review: strimzi\tkoperator\tresident MB: idle\tafter the load")
	for _, count := range counts {
		fmt.Fprintf(w, "%d\t%.2f\t%.2f\t%.1f\t%.1f\n", count, b.cpuPerReview(count, shapes[0]), b.cpuPerReview(count, shapes[1]),
			b.memory[count].idle, b.memory[count].loaded)
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "handler alone, %d snapshots\tclaims\tp50 ms\tp99 ms\tper second\tp50 ratio\n", b.known)
	for i := range b.alone {
		a := &b.alone[i]
		base := &b.alone[i/len(handlers)*len(handlers)]
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%.2f\t%.0f\t%.2f\n", a.name, a.shape, a.of(block.p50), a.p99(), a.of(block.rate), a.ratio(&base.cell, block.p50))
	}
	fmt.Fprintf(w, "a cached snapshot takes %.1f KB of heap\n\n", b.perSnapshot/1024)
	b.printAims(w)
	w.Flush() //nolint:errcheck // there is nobody to tell
}

// printCells prints the variants of a cell; ratios are to the webhook that
// only allows.
func (b *bench) printCells(w io.Writer, k key) {
	k.variant = allowOnly.name
	base := b.cell(k)
	for _, v := range variants {
		k.variant = v.name
		c := b.cell(k)
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%.2f\t%.2f\t%.0f\t%.2f\t%.2f\n", k.count, k.shape, k.mode, k.variant,
			c.of(block.p50), c.p99(), c.of(block.rate), c.ratio(base, block.p50), c.ratio(base, block.rate))
	}
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

// printAims compares the worst measurements with the targets.
func (b *bench) printAims(w io.Writer) {
	var slowest, flat, handler float64
	rate := 1e9
	most, least := counts[len(counts)-1], counts[0]
	for _, s := range shapes {
		for _, m := range modes {
			for _, count := range counts {
				c, base := b.cell(key{count, s.name, m.name, ours.name}), b.cell(key{count, s.name, m.name, allowOnly.name})
				if m.workers > 1 {
					rate = min(rate, c.ratio(base, block.rate))
				} else {
					slowest = max(slowest, c.ratio(base, block.p50))
				}
			}
			if m.workers == 1 {
				flat = max(flat, b.cell(key{most, s.name, m.name, ours.name}).of(block.p50)/b.cell(key{least, s.name, m.name, ours.name}).of(block.p50))
			}
		}
	}
	for i := range b.alone {
		base := &b.alone[i/len(handlers)*len(handlers)]
		handler = max(handler, b.alone[i].ratio(&base.cell, block.p50))
	}
	fmt.Fprintln(w, "aim\tmeasured, the worst")
	fmt.Fprintf(w, "p50 one at a time at most 1.5x of allow only\t%.2f\n", slowest)
	fmt.Fprintf(w, "p50 flat from %d to %d snapshots\t%.2f\n", least, most, flat)
	fmt.Fprintf(w, "rate eight at a time at least 0.65x of allow only\t%.2f\n", rate)
	fmt.Fprintf(w, "handler alone at most 1.25x of allow only\t%.2f\n", handler)
	fmt.Fprintf(w, "resident at most 70 MB with %d snapshots\t%.1f\n", most, max(b.memory[most].idle, b.memory[most].loaded))
}
