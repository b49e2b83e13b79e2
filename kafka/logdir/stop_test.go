package logdir

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTornBeforeTheLast checks the volume of a broker that was running: the full
// segment was not flushed yet when the next one began.
func TestTornBeforeTheLast(t *testing.T) {
	const damage = "its last 70 bytes are incomplete, although another segment follows"
	torn := join(batch(0, 10), batch(10, 10)[:70])
	whole := int64(len(batch(20, 1)))
	tests := map[string]struct {
		topic   string
		flushed string
		follows []byte
		torn    int64
		damage  string
	}{
		"the next one is empty":              {"t", "", nil, 70, ""},
		"the next one is not":                {"t", "", batch(20, 1), 0, damage},
		"it was not flushed":                 {"t", "0\n1\nt 0 5\n", batch(20, 1), 70 + whole, ""},
		"nothing of the partition was":       {"t", "0\n1\nu 0 5\n", batch(20, 1), 70 + whole, ""},
		"it was flushed":                     {"t", "0\n1\nt 0 20\n", batch(20, 1), 0, damage},
		"it was flushed, the next one empty": {"t", "0\n1\nt 0 20\n", nil, 70, ""},
		"KRaft, the next one is empty":       {metadataLog, "", nil, 70, ""},
		"KRaft, the next one is not":         {metadataLog, "0\n1\nt 0 5\n", batch(20, 1), 0, damage},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := makeDir(t, "c1", 3)
			remove(t, filepath.Join(dir, cleanFile))
			if test.flushed != "" {
				write(t, filepath.Join(dir, flushedFile), []byte(test.flushed))
			}
			addSegment(t, dir, test.topic+"-0", 0, torn)
			addSegment(t, dir, test.topic+"-0", 20, test.follows)
			b, err := ReadBroker(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			p := b.Dirs[0].Partitions[0]
			if p.TornBytes != test.torn || b.Sound() != (test.damage == "") || !strings.Contains(strings.Join(p.Damage, "\n"), test.damage) {
				t.Errorf("%d torn bytes, damage %q", p.TornBytes, p.Damage)
			}
			if test.damage == "" && p.EndOffset != 10 {
				t.Errorf("it ends at offset %d", p.EndOffset)
			}
		})
	}
}

// TestTornMetadata checks a broker that starts: it writes KRaft's log before it
// removes the file for a clean stop.
func TestTornMetadata(t *testing.T) {
	dir := makeDir(t, "c1", 3)
	addSegment(t, dir, metadataLog+"-0", 0, join(batch(0, 10), batch(10, 10)[:70]))
	addSegment(t, dir, "t-0", 0, batch(0, 10))
	b, err := ReadBroker(t.Context(), dir)
	if err != nil || !b.Sound() || !b.Dirs[0].Clean || b.Dirs[0].Partitions[0].TornBytes != 70 {
		t.Errorf("%+v, %v", b.Dirs, err)
	}
}
