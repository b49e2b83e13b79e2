package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
)

// The copy goes by name: from one file of the writer to the other it has to
// get past the ballast, which takes the time a torn copy needs.
const (
	firstFile   = "a"
	ballastFile = "m"
	secondFile  = "z"

	ballastSize = 8 << 20
	cuts        = 20
)

// writtenVolume makes a volume with ballast, and a writer that writes to the
// directory target says, given that of the volume.
func writtenVolume(t *testing.T, d *testDriver, role string, target func(id, dir string) string) (id, dir string, pid int) {
	t.Helper()
	id, dir = d.create(t, volumeRequest("written", 1<<30))
	writeFile(t, filepath.Join(dir, ballastFile), strings.Repeat("ballast.", ballastSize/8))
	at := target(id, dir)
	pid = startWriter(t, role, filepath.Join(at, firstFile), filepath.Join(at, secondFile))
	return id, dir, pid
}

func directly(_, dir string) string { return dir }

func TestSnapshotIsPointInTime(t *testing.T) {
	check := func(t *testing.T, d *testDriver, role string, target func(id, dir string) string) {
		id, dir, _ := writtenVolume(t, d, role, target)
		for i := range cuts {
			snapID, snapDir := d.snapshot(t, fmt.Sprintf("cut-%d", i), id)
			if err := checkUntorn(t, snapDir); err != nil {
				t.Errorf("cut %d: %v", i, err)
			}
			if role == "writer" {
				for _, name := range []string{firstFile, secondFile} {
					if err := checkComplete(filepath.Join(snapDir, name)); err != nil {
						t.Errorf("cut %d: %v", i, err)
					}
				}
			}
			if _, err := d.DeleteSnapshot(context.Background(), &csi.DeleteSnapshotRequest{SnapshotId: snapID}); err != nil {
				t.Fatal(err)
			}
			wantRunning(t, filepath.Join(dir, secondFile))
		}
	}
	t.Run("open files", func(t *testing.T) {
		check(t, newTestDriver(t), "writer", directly)
	})
	t.Run("mapped files", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root may see what other processes have mapped")
		}
		check(t, newTestDriver(t), "mapper", directly)
	})
	t.Run("open files below a bind mount", func(t *testing.T) {
		needMounts(t)
		d := newTestDriver(t)
		check(t, d, "writer", func(id, _ string) string { return publish(t, d, id, false) })
	})
}

func TestCloneIsPointInTime(t *testing.T) {
	d := newTestDriver(t)
	id, dir, _ := writtenVolume(t, d, "writer", directly)
	for i := range cuts / 4 {
		cloneID, cloneDir := d.create(t, fromVolume(volumeRequest(fmt.Sprintf("clone-%d", i), 1<<30), id))
		if err := checkUntorn(t, cloneDir); err != nil {
			t.Errorf("clone %d: %v", i, err)
		}
		if _, err := d.DeleteVolume(context.Background(), &csi.DeleteVolumeRequest{VolumeId: cloneID}); err != nil {
			t.Fatal(err)
		}
		wantRunning(t, filepath.Join(dir, secondFile))
	}
}

// TestUnfrozenCopyIsTorn shows that the tests above can fail.
func TestUnfrozenCopyIsTorn(t *testing.T) {
	d := newTestDriver(t)
	d.cut = func(_ string, copyAll func() error) error { return copyAll() }
	id, _, _ := writtenVolume(t, d, "writer", directly)
	torn := 0
	for i := range cuts {
		snapID, snapDir := d.snapshot(t, fmt.Sprintf("cut-%d", i), id)
		if err := checkUntorn(t, snapDir); err != nil {
			t.Logf("cut %d: %v", i, err)
			torn++
		}
		if _, err := d.DeleteSnapshot(context.Background(), &csi.DeleteSnapshotRequest{SnapshotId: snapID}); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d cuts without a freeze were torn", torn, cuts)
	if torn == 0 {
		t.Error("no cut was torn without a freeze: the check would not notice a freeze that fails")
	}
}

func TestProcessStoppedByOthersStaysStopped(t *testing.T) {
	d := newTestDriver(t)
	id, dir, pid := writtenVolume(t, d, "writer", directly)
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the writer is stopped", func() bool { return standsStill(pid) })
	stoppedAt := lastNumber(t, filepath.Join(dir, firstFile))

	_, snapDir := d.snapshot(t, "cut", id)
	if err := checkUntorn(t, snapDir); err != nil {
		t.Error(err)
	}
	if !standsStill(pid) || lastNumber(t, filepath.Join(dir, firstFile)) != stoppedAt {
		t.Error("the snapshot set a process going that somebody else had stopped")
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	wantRunning(t, filepath.Join(dir, secondFile))
}

func TestThawAfterFailure(t *testing.T) {
	failure := errors.New("disk full")
	for name, fail := range map[string]func() error{
		"error": func() error { return failure },
		"panic": func() error { panic(failure) },
	} {
		t.Run(name, func(t *testing.T) {
			_, dir, pid := writtenVolume(t, newTestDriver(t), "writer", directly)
			frozen := false
			cut := func() (err error) {
				defer func() {
					if v := recover(); v != nil {
						err = v.(error)
					}
				}()
				return cutFrozen(dir, func() error {
					frozen = standsStill(pid)
					return fail()
				})
			}
			if err := cut(); !errors.Is(err, failure) {
				t.Errorf("error is %v, want %v", err, failure)
			}
			if !frozen {
				t.Error("the writer was not frozen during the copy")
			}
			wantRunning(t, filepath.Join(dir, secondFile))
		})
	}
}

func TestFreezeWaitsForEveryThread(t *testing.T) {
	_, dir, pid := writtenVolume(t, newTestDriver(t), "crowd", directly)
	if err := waitUntilStill(pid, time.Now()); err == nil {
		t.Error("a process that runs is said to stand still")
	}
	for i := range cuts {
		err := cutFrozen(dir, func() error {
			if !standsStill(pid) {
				return errors.New("a thread still runs during the copy")
			}
			return nil
		})
		if err != nil {
			t.Errorf("cut %d: %v", i, err)
		}
		wantRunning(t, filepath.Join(dir, secondFile))
	}
}

// A process that keeps no file open cannot be found. This one stands in for it:
// it is never frozen itself.
func TestChangeDuringCopy(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		dir, copies := t.TempDir(), 0
		err := cutFrozen(dir, func() error {
			if copies++; copies == 1 {
				writeFile(t, filepath.Join(dir, "file"), "late")
			}
			return nil
		})
		if err != nil || copies != 2 {
			t.Errorf("%d copies, error %v; want the copy done again", copies, err)
		}
	})
	t.Run("always", func(t *testing.T) {
		d := newTestDriver(t)
		id, dir := d.create(t, volumeRequest("restless", 1<<30))
		frozen, copies := d.cut, 0
		d.cut = func(src string, copyAll func() error) error {
			return frozen(src, func() error {
				copies++
				writeFile(t, filepath.Join(dir, "file"), strings.Repeat("x", copies))
				return copyAll()
			})
		}
		_, err := d.CreateSnapshot(context.Background(), &csi.CreateSnapshotRequest{Name: "cut", SourceVolumeId: id})
		wantCode(t, err, codes.Aborted)
		if copies != cutAttempts {
			t.Errorf("%d copies, want %d", copies, cutAttempts)
		}
		wantEmptyDir(t, filepath.Join(d.root, "tmp"))
		wantEmptyDir(t, filepath.Join(d.root, "snapshots"))
	})
}

func wantEmptyDir(t *testing.T, dir string) {
	t.Helper()
	names, err := readNames(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) > 0 {
		t.Errorf("%s holds %v, want nothing", dir, names)
	}
}

// One process writes to two volumes whose snapshots are asked for at once. The
// thaw after one cut must not come in the middle of the other.
func TestConcurrentSnapshots(t *testing.T) {
	d := newTestDriver(t)
	frozen := d.cut
	var under atomic.Int32
	d.cut = func(dir string, copyAll func() error) error {
		if under.Add(1) > 1 {
			t.Error("two cuts at once")
		}
		defer under.Add(-1)
		return frozen(dir, copyAll)
	}
	oneID, oneDir := d.create(t, volumeRequest("one", 1<<30))
	twoID, twoDir := d.create(t, volumeRequest("two", 1<<30))
	startWriter(t, "writer", filepath.Join(oneDir, firstFile), filepath.Join(twoDir, firstFile))

	var wg sync.WaitGroup
	for i := range cuts / 2 {
		for _, id := range []string{oneID, twoID} {
			wg.Go(func() {
				name := fmt.Sprintf("cut-%s-%d", id, i)
				_, err := d.CreateSnapshot(context.Background(), &csi.CreateSnapshotRequest{Name: name, SourceVolumeId: id})
				if err == nil {
					err = checkComplete(filepath.Join(d.root, "snapshots", name, firstFile))
				}
				if err != nil {
					t.Errorf("snapshot %s: %v", name, err)
				}
			})
		}
	}
	wg.Wait()
	wantRunning(t, filepath.Join(twoDir, firstFile))
}
