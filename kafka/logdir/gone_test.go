package logdir

import (
	"os"
	"path/filepath"
	"testing"
)

// TestGone takes a file that always answers EIO for a disk that is gone: see
// [TestUnreadableFiles].
func TestGone(t *testing.T) {
	const lost = "/proc/self/mem"
	if _, err := os.Stat(lost); err != nil {
		t.Skip("needs ", lost)
	}
	full, empty := t.TempDir(), t.TempDir()
	write(t, filepath.Join(full, metaFile), []byte("version=1\n"))
	write(t, filepath.Join(empty, metaFile), nil)
	for name, test := range map[string]struct {
		volumes []string
		want    bool
	}{
		"the disk is gone":      {[]string{lost}, true},
		"nothing to read":       {[]string{empty}, false},
		"one file can be read":  {[]string{lost, empty, full}, false},
		"the others are empty":  {[]string{lost, empty}, true},
		"there is no such file": {[]string{filepath.Join(full, "none")}, false},
	} {
		if got := gone(test.volumes); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
