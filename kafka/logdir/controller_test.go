package logdir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherFolders checks folders that are no partitions: with them a broker does not
// start, but a controller does.
func TestOtherFolders(t *testing.T) {
	for topic, sound := range map[string]bool{metadataLog: true, "t": false} {
		dir := makeDir(t, "c1", 100)
		addSegment(t, dir, metadataLog+"-0", 0, batch(0, 10))
		addSegment(t, dir, topic+"-0", 0, batch(0, 10))
		if err := os.Mkdir(filepath.Join(dir, lostAndFound), 0o700); err != nil {
			t.Fatal(err)
		}
		b, err := ReadVolumes(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if d := b.Dirs[0]; b.Sound() != sound || sound == strings.Contains(strings.Join(d.Problems, ""), "folder lost+found is no partition") {
			t.Errorf("%s: problems %q", topic, d.Problems)
		}
	}
}
