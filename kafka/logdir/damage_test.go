package logdir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

func TestIsDamage(t *testing.T) {
	for err, want := range map[error]bool{
		nil:             false,
		syscall.EIO:     true,
		syscall.EUCLEAN: true,
		syscall.EBADMSG: true,
		syscall.EACCES:  false,
		syscall.EPERM:   false,
		syscall.ENOMEM:  false,
		syscall.EMFILE:  false,
		fs.ErrNotExist:  false,
	} {
		wrapped := fmt.Errorf("open a segment: %w", &fs.PathError{Op: "open", Path: "x", Err: err})
		if got := isDamage(wrapped); got != want {
			t.Errorf("%v: damage %t", err, got)
		}
	}
}

// TestUnreadableSegment checks where reading stops, for each place in which the disk
// can fail.
func TestUnreadableSegment(t *testing.T) {
	content := join(batch(0, 10), make([]byte, 4096))
	for _, readable := range []int{0, 30, 100, len(batch(0, 10)), len(batch(0, 10)) + 2000} {
		disk := io.MultiReader(bytes.NewReader(content[:readable]), iotest.ErrReader(&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}))
		s, err := ReadSegment(t.Context(), disk, int64(len(content)), 0, nil)
		if err != nil || s.TornTail || s.Damage == nil || !strings.HasSuffix(s.Damage.Error(), "it cannot be read: input/output error") {
			t.Errorf("%d bytes can be read: damage %v, error %v", readable, s.Damage, err)
		}
	}
	denied := iotest.ErrReader(syscall.EACCES)
	if s, err := ReadSegment(t.Context(), denied, 100, 0, nil); !errors.Is(err, syscall.EACCES) {
		t.Errorf("without a right: %+v, %v", s, err)
	}
}

// TestUnreadableFiles gives files of a log dir a content that cannot be read: the
// kernel answers EIO to who reads its own memory at address 0.
func TestUnreadableFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc/self/mem")
	}
	tests := map[string]struct {
		change func(t *testing.T, dir string) error
		want   string
	}{
		"the topic's id": {func(t *testing.T, dir string) error {
			remove(t, filepath.Join(dir, "t-0", topicIDFile))
			return os.Symlink("/proc/self/mem", filepath.Join(dir, "t-0", topicIDFile))
		}, "t-0: partition.metadata: it cannot be read: input/output error"},
		"the format": {func(t *testing.T, dir string) error {
			remove(t, filepath.Join(dir, metaFile))
			return os.Symlink("/proc/self/mem", filepath.Join(dir, metaFile))
		}, "meta.properties: it cannot be read: input/output error"},
		"the first offsets": {func(_ *testing.T, dir string) error {
			return os.Symlink("/proc/self/mem", filepath.Join(dir, startsFile))
		}, "log-start-offset-checkpoint: it cannot be read: input/output error"},
		"first offsets without a number": {func(t *testing.T, dir string) error {
			write(t, filepath.Join(dir, startsFile), []byte("0\n1\nt 0 x\x00\n"))
			return nil
		}, "log-start-offset-checkpoint: it cannot be read: "},
		"a format without lines": {func(t *testing.T, dir string) error {
			write(t, filepath.Join(dir, metaFile), bytes.Repeat([]byte{'x'}, 2*lineMaxBytes))
			return nil
		}, "meta.properties: it cannot be read: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := makeDir(t, "c1", 3)
			addSegment(t, dir, "t-0", 0, batch(0, 10))
			addSegment(t, dir, "t-1", 0, batch(0, 5))
			if err := test.change(t, dir); err != nil {
				t.Fatal(err)
			}
			b, err := ReadBroker(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			d := b.Dirs[0]
			if b.Sound() || len(d.Problems) != 1 || !strings.HasPrefix(d.Problems[0], test.want) {
				t.Errorf("problems %q, expected %q", d.Problems, test.want)
			}
			if len(d.Partitions) != 2 || d.Partitions[0].Records != 10 || d.Partitions[1].Records != 5 {
				t.Errorf("the reading did not go on: %+v", d.Partitions)
			}
		})
	}
}

func TestReadVolumes(t *testing.T) {
	tests := map[string]struct {
		change  func(root, logDir string) error
		dirs    []string
		problem string
	}{
		"the root":          {func(root, logDir string) error { return os.CopyFS(root, os.DirFS(logDir)) }, []string{"."}, ""},
		"three levels down": {func(root, logDir string) error { return os.CopyFS(root+"/a/b/c", os.DirFS(logDir)) }, []string{"a/b/c"}, ""},
		"four levels down":  {func(root, logDir string) error { return os.CopyFS(root+"/a/b/c/d", os.DirFS(logDir)) }, nil, "no log dir"},
		"a copy beside it": {func(root, logDir string) error {
			return errors.Join(os.CopyFS(root+"/a", os.DirFS(logDir)), os.CopyFS(root+"/b", os.DirFS(logDir)))
		}, []string{"a", "b"}, ""},
		"behind a link":        {func(root, logDir string) error { return os.Symlink(logDir, root+"/a") }, nil, "no log dir"},
		"an empty volume":      {func(string, string) error { return nil }, nil, "no log dir"},
		"a log dir without it": {func(root, _ string) error { return os.MkdirAll(root+"/a/t-0", 0o755) }, nil, "no log dir"},
		"in lost+found":        {func(root, logDir string) error { return os.CopyFS(root+"/lost+found/a", os.DirFS(logDir)) }, nil, "no log dir"},
		"lost+found beside one": {func(root, logDir string) error {
			return errors.Join(os.Mkdir(root+"/lost+found", 0), os.CopyFS(root+"/a", os.DirFS(logDir)))
		}, []string{"a"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			logDir, root := makeDir(t, "c1", 3), t.TempDir()
			if err := test.change(root, logDir); err != nil {
				t.Fatal(err)
			}
			b, err := ReadVolumes(t.Context(), root)
			if err != nil {
				t.Fatal(err)
			}
			var dirs []string
			for _, d := range b.Dirs {
				at, err := filepath.Rel(root, d.Path)
				if err != nil {
					t.Fatal(err)
				}
				dirs = append(dirs, at)
			}
			if !slices.Equal(dirs, test.dirs) || b.Sound() != (test.problem == "") || !strings.Contains(strings.Join(b.Problems, "\n"), test.problem) {
				t.Errorf("log dirs %q, problems %q", dirs, b.Problems)
			}
		})
	}
	if _, err := ReadVolumes(t.Context(), "/proc/self/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a volume that is not there: %v", err)
	}
}
