package logdir

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestRead(t *testing.T) {
	dir := makeDir(t, "c1", 3)
	addSegment(t, dir, "my-topic-0", 0, batch(0, 10))
	addSegment(t, dir, "my-topic-0", 10, join(batch(10, 10), batch(20, 5)))
	addSegment(t, dir, "tx-1", 0, join(batch(0, 2, transactional(4)), batch(2, 3, transactional(5)), batch(5, 1, marker(4))))
	addSegment(t, dir, "gone-0.0123456789abcdef0123456789abcdef-delete", 0, nil)
	write(t, filepath.Join(dir, startsFile), []byte("0\n1\nmy-topic 0 4\n"))
	d, err := Read(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if d.ClusterID != "c1" || d.NodeID != "3" || !d.Clean || d.InUse || len(d.Problems) != 0 || len(d.Aside) != 1 || len(d.Partitions) != 2 {
		t.Fatalf("got %+v", d)
	}
	p := d.Partitions[0]
	if p.Name() != "my-topic-0" || p.Segments != 2 || p.Records != 25 || p.StartOffset != 4 || p.EndOffset != 25 || p.StableOffset != 25 ||
		p.LastTime.UnixMilli() != 1_000_024 || p.LeaderEpoch != 1 || p.TopicID != "Q2nRgUvGQXu6RpCVlZK9Vg" {
		t.Errorf("got %+v", p)
	}
	if tx := d.Partitions[1]; tx.Records != 5 || tx.EndOffset != 6 || tx.OpenTransactions != 1 || tx.StableOffset != 2 {
		t.Errorf("got %+v", tx)
	}
}

// TestTornTail checks incomplete writes at the end of a segment. They are no damage,
// unless the broker has stopped cleanly, or another segment follows.
func TestTornTail(t *testing.T) {
	torn := join(batch(0, 10), batch(10, 10)[:70])
	tests := map[string]struct {
		clean, followed bool
		tornBytes       int64
		damage          string
	}{
		"the last segment":                      {false, false, 70, ""},
		"the last segment, stopped cleanly":     {true, false, 0, "its last 70 bytes are incomplete, although the broker stopped cleanly"},
		"not the last segment":                  {false, true, 0, "its last 70 bytes are incomplete, although another segment follows"},
		"not the last segment, stopped cleanly": {true, true, 0, "its last 70 bytes are incomplete, although another segment follows"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := makeDir(t, "c1", 3)
			addSegment(t, dir, "t-0", 0, torn)
			if test.followed {
				addSegment(t, dir, "t-0", 20, batch(20, 1))
			}
			if !test.clean {
				remove(t, filepath.Join(dir, cleanFile))
			}
			b, err := ReadBroker(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			p := b.Dirs[0].Partitions[0]
			if p.TornBytes != test.tornBytes || b.Sound() != (test.damage == "") || !strings.Contains(strings.Join(p.Damage, "\n"), test.damage) {
				t.Errorf("%d torn bytes, sound: %v, damage: %v", p.TornBytes, b.Sound(), p.Damage)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	tests := map[string]struct {
		change  func(t *testing.T, a, b string)
		problem string
	}{
		"none": {func(*testing.T, string, string) {}, ""},
		"not formatted": {func(t *testing.T, a, _ string) { remove(t, filepath.Join(a, metaFile)) },
			"meta.properties is missing"},
		"another cluster's disk": {func(t *testing.T, _, b string) {
			write(t, filepath.Join(b, metaFile), []byte("node.id=3\ncluster.id=c2\nversion=1\n"))
		},
			"one is the disk of another cluster"},
		"another broker's disk": {func(t *testing.T, _, b string) {
			write(t, filepath.Join(b, metaFile), []byte("node.id=4\ncluster.id=c1\nversion=1\n"))
		},
			"one is the disk of another broker"},
		"a copy of the other disk": {func(t *testing.T, a, b string) {
			content, err := os.ReadFile(filepath.Join(a, metaFile))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(b, metaFile), content)
		}, "have the same directory.id"},
		"a folder that is no partition": {func(t *testing.T, a, _ string) {
			if err := os.Mkdir(filepath.Join(a, "lost+found"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "folder lost+found is no partition"},
		"a partition twice": {func(t *testing.T, _, b string) { addSegment(t, b, "t-0", 0, batch(0, 4)) },
			"t-0 is in two log dirs"},
		"segments that overlap": {func(t *testing.T, a, _ string) { addSegment(t, a, "t-0", 5, batch(5, 1)) },
			"it begins before offset 10"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := makeDir(t, "c1", 3), makeDir(t, "c1", 3)
			addSegment(t, a, "t-0", 0, batch(0, 10))
			addSegment(t, b, "t-1", 0, batch(0, 10))
			test.change(t, a, b)
			broker, err := ReadBroker(t.Context(), a, b)
			if err != nil {
				t.Fatal(err)
			}
			problems := slices.Clone(broker.Problems)
			for _, d := range broker.Dirs {
				problems = append(problems, d.Problems...)
			}
			if broker.Sound() != (test.problem == "") || len(problems) > 1 || !strings.Contains(strings.Join(problems, "\n"), test.problem) {
				t.Errorf("sound: %v, problems: %q, expected: %q", broker.Sound(), problems, test.problem)
			}
		})
	}
}

func TestSetAside(t *testing.T) {
	newer := join(batch(0, 10), batch(10, 10))
	epoch := func(e int32) func(*kmsg.RecordBatch) {
		return func(b *kmsg.RecordBatch) { b.PartitionLeaderEpoch = e }
	}
	tests := map[string]struct {
		a, b   []byte
		change func(t *testing.T, a, b string)
		stale  string // a, b or none
	}{
		"the one that ends before":            {a: batch(0, 10), b: newer, stale: "a"},
		"the same":                            {a: newer, b: newer, stale: "b"},
		"the one of an earlier leader":        {a: newer, b: batch(0, 20, epoch(2)), stale: "a"},
		"an earlier leader's that is longer":  {a: newer, b: batch(0, 10, epoch(2)), stale: "none"},
		"damaged where it would be the newer": {a: batch(0, 3), b: flip(join(batch(0, 5), newer[161:], batch(20, 1)), 110+81), stale: "none"},
		"another topic of that name": {a: batch(0, 10), b: newer, stale: "none", change: func(t *testing.T, a, _ string) {
			write(t, filepath.Join(a, "t-0", topicIDFile), []byte("version: 0\ntopic_id: other\n"))
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dirs := map[string]string{"a": makeDir(t, "c1", 3), "b": makeDir(t, "c1", 3)}
			addSegment(t, dirs["a"], "t-0", 0, test.a)
			addSegment(t, dirs["b"], "t-0", 0, test.b)
			if test.change != nil {
				test.change(t, dirs["a"], dirs["b"])
			}
			broker, err := ReadBroker(t.Context(), dirs["a"], dirs["b"])
			if err != nil {
				t.Fatal(err)
			}
			moves, err := broker.SetAside()
			if err != nil {
				t.Fatal(err)
			}
			if test.stale == "none" {
				if len(moves) != 0 {
					t.Errorf("moved %v", moves)
				}
				return
			}
			if len(moves) != 1 || moves[0].From != filepath.Join(dirs[test.stale], "t-0") {
				t.Fatalf("the copy in %s expected, moved %v", dirs[test.stale], moves)
			}
			if !asideDir.MatchString(filepath.Base(moves[0].To)) {
				t.Errorf("Kafka does not ignore %s", moves[0].To)
			}
			again, err := ReadBroker(t.Context(), dirs["a"], dirs["b"])
			if err != nil || !again.Sound() || len(again.Duplicates) != 0 {
				t.Errorf("after the move: %+v, %v", again, err)
			}
		})
	}
}

func TestSetAsideRefuses(t *testing.T) {
	a, b := makeDir(t, "c1", 3), makeDir(t, "c2", 3)
	addSegment(t, a, "t-0", 0, batch(0, 10))
	addSegment(t, b, "t-0", 0, batch(0, 4))
	broker, err := ReadBroker(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	if moves, err := broker.SetAside(); !errors.Is(err, ErrMixed) || len(moves) != 0 {
		t.Errorf("of another cluster: moved %v, %v", moves, err)
	}
}

// lockEnv names the file that the test program locks instead of running tests.
const lockEnv = "SNAPBACK_TEST_LOCK"

func TestMain(m *testing.M) {
	if file := os.Getenv(lockEnv); file != "" {
		holdLock(file)
		return
	}
	os.Exit(m.Run())
}

// holdLock takes the lock that Java takes, prints a line, and holds the lock until its
// input ends.
func holdLock(file string) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o644)
	if err == nil {
		err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer f.Close() //nolint:errcheck // keeps it open: a file that nobody needs any more is closed
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin) // the end is what counts
}

// TestSetAsideInUse makes another process hold the lock, as a broker does: a process
// does not see a lock of its own.
func TestSetAsideInUse(t *testing.T) {
	a, b := makeDir(t, "c1", 3), makeDir(t, "c1", 3)
	addSegment(t, a, "t-0", 0, batch(0, 10))
	addSegment(t, b, "t-0", 0, batch(0, 4))
	release := lockElsewhere(t, filepath.Join(b, lockFile))
	broker, err := ReadBroker(t.Context(), a, b)
	if err != nil || !broker.Dirs[1].InUse || broker.Dirs[0].InUse {
		t.Fatalf("the second is in use: %+v, %v", broker.Dirs, err)
	}
	if moves, err := broker.SetAside(); !errors.Is(err, ErrInUse) || len(moves) != 0 {
		t.Errorf("moved %v, %v", moves, err)
	}
	release()
	if moves, err := broker.SetAside(); err != nil || len(moves) != 1 {
		t.Errorf("after the broker has ended: moved %v, %v", moves, err)
	}
}

// lockElsewhere runs the test program once more, as the process that holds a lock.
func lockElsewhere(t *testing.T, file string) (release func()) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), lockEnv+"="+file)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _, _ = in.Close(), cmd.Wait() })
	t.Cleanup(release)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the lock is not held: %q, %v", line, err)
	}
	return release
}
