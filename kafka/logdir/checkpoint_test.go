package logdir

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// addCheckpoint adds a snapshot of KRaft's metadata that ends before an offset.
func addCheckpoint(t *testing.T, dir string, end int64, content []byte) {
	t.Helper()
	folder := filepath.Join(dir, metadataLog+"-0")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, fmt.Sprintf("%020d-%010d.checkpoint", end, 2)), content)
}

// TestCheckpoints reads the volume of a KRaft controller.
func TestCheckpoints(t *testing.T) {
	whole := func() []byte { return join(batch(0, 1, marker(-1)), batch(1, 20), batch(21, 1, marker(-1))) }
	tests := map[string]struct {
		change func(t *testing.T, dir string)
		count  int
		damage string
	}{
		"none, and a log from its beginning": {func(t *testing.T, dir string) { addSegment(t, dir, metadataLog+"-0", 0, batch(0, 30)) }, 0, ""},
		"one where the log begins":           {func(t *testing.T, dir string) { addSegment(t, dir, metadataLog+"-0", 20, batch(20, 30)) }, 1, ""},
		"none, and a log without its beginning": {func(t *testing.T, dir string) { addSegment(t, dir, metadataLog+"-0", 20, batch(20, 30)) }, 0,
			"the log begins at offset 20, and no checkpoint without damage reaches it"},
		"a bit is wrong": {func(t *testing.T, dir string) {
			addCheckpoint(t, dir, 20, flip(whole(), 200))
		}, 1, "00000000000000000020-0000000002.checkpoint: at byte 71 of 403: the record batch at offset 1: the CRC does not match"},
		"cut off in a batch":      {func(t *testing.T, dir string) { addCheckpoint(t, dir, 20, whole()[:400]) }, 1, "it is incomplete"},
		"cut off between batches": {func(t *testing.T, dir string) { addCheckpoint(t, dir, 20, whole()[:332]) }, 1, "it is incomplete"},
		"empty":                   {func(t *testing.T, dir string) { addCheckpoint(t, dir, 20, nil) }, 1, "it is incomplete"},
		"being written": {func(t *testing.T, dir string) {
			addSegment(t, dir, metadataLog+"-0", 0, batch(0, 30))
			write(t, filepath.Join(dir, metadataLog+"-0", "00000000000000000030-0000000002.checkpoint.123.part"), []byte("x"))
		}, 0, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := makeDir(t, "c1", 100)
			if test.count > 0 {
				addCheckpoint(t, dir, 20, whole())
			}
			test.change(t, dir)
			b, err := ReadBroker(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			p := b.Dirs[0].Partitions[0]
			if p.Checkpoints != test.count || b.Sound() != (test.damage == "") || !strings.Contains(strings.Join(p.Damage, "\n"), test.damage) {
				t.Errorf("%d checkpoints, damage %q", p.Checkpoints, p.Damage)
			}
			if !slices.IsSorted(p.Damage) { // the same each time
				t.Errorf("damage %q", p.Damage)
			}
		})
	}
}

// TestSummaryIsShort checks that any number of problems of any length fit.
func TestSummaryIsShort(t *testing.T) {
	for _, length := range []int{1, 100, 511, 2000} {
		var b Broker
		for i := range 300 {
			b.problem("%d %s", i, strings.Repeat("ü\"", length/3)+"\xff")
		}
		s := b.Summary()
		if text := marshal(t, s); len(text) > MaxSummary || len(text) < MaxSummary-4*maxProblem {
			t.Errorf("%d bytes", len(text))
		}
		if s.Sound || len(s.Problems) == 0 || len(s.Problems)+s.Omitted != 300 || !strings.HasPrefix(s.Problems[0], "0 ") {
			t.Errorf("%d problems, %d omitted", len(s.Problems), s.Omitted)
		}
	}
}
