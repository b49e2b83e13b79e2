package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
)

const holeSize = 64 << 20

// fillVolume makes one of everything that a copy has to keep.
func fillVolume(t *testing.T, dir string) {
	t.Helper()
	old := time.Date(2020, 2, 3, 4, 5, 6, 7, time.UTC)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o755))
	writeFile(t, filepath.Join(dir, "sub", "deep", "file"), "content")
	must(os.Chmod(filepath.Join(dir, "sub", "deep", "file"), 0o640|os.ModeSetuid))
	must(os.Chtimes(filepath.Join(dir, "sub", "deep", "file"), old, old))
	writeFile(t, filepath.Join(dir, "empty"), "")
	must(os.Symlink("sub/deep/file", filepath.Join(dir, "link")))
	must(os.Symlink("/nowhere", filepath.Join(dir, "dangling")))
	must(os.Link(filepath.Join(dir, "sub", "deep", "file"), filepath.Join(dir, "twin")))
	must(unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))

	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	must(err)
	_, err = sparse.WriteAt([]byte("in the middle"), holeSize/2)
	must(err)
	must(sparse.Truncate(holeSize))
	must(sparse.Close())

	must(os.Chmod(filepath.Join(dir, "sub"), 0o711))
	must(os.Chtimes(filepath.Join(dir, "sub"), old, old))
	must(os.Chtimes(dir, old, old))
}

// wantSameTree compares two directories in all that a copy keeps.
func wantSameTree(t *testing.T, want, got string) {
	t.Helper()
	describe := func(root string) string {
		var all strings.Builder
		err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			line, err := describeEntry(root, path)
			all.WriteString(line)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all.String()
	}
	if w, g := describe(want), describe(got); w != g {
		t.Errorf("%s differs from %s:\n--- want\n%s--- got\n%s", got, want, w, g)
	}
}

func TestCopiesKeepEverything(t *testing.T) {
	ctx := context.Background()
	d := newTestDriver(t)
	id, dir := d.create(t, volumeRequest("source", 1<<20))
	fillVolume(t, dir)
	original := filepath.Join(t.TempDir(), "original")
	if err := copyTree(original, dir); err != nil {
		t.Fatal(err)
	}
	wantSameTree(t, dir, original)

	cloneID, cloneDir := d.create(t, fromVolume(volumeRequest("clone", 1<<20), id))
	snapID, snapDir := d.snapshot(t, "snap", id)
	wantSameTree(t, original, cloneDir)
	wantSameTree(t, original, snapDir)

	// None may share anything with the others.
	writeFile(t, filepath.Join(dir, "twin"), "changed")
	if err := os.Remove(filepath.Join(dir, "empty")); err != nil {
		t.Fatal(err)
	}
	_, restoredDir := d.create(t, fromSnapshot(volumeRequest("restored", 1<<20), snapID))
	writeFile(t, filepath.Join(cloneDir, "empty"), "changed")
	for _, del := range []string{id, cloneID} {
		if _, err := d.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: del}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.DeleteSnapshot(ctx, &csi.DeleteSnapshotRequest{SnapshotId: snapID}); err != nil {
		t.Fatal(err)
	}
	wantSameTree(t, original, restoredDir)
	for _, gone := range []string{dir, cloneDir, snapDir} {
		if _, err := os.Lstat(gone); !os.IsNotExist(err) {
			t.Errorf("%s after it was deleted: %v, want it gone", gone, err)
		}
	}
	wantEmptyDir(t, filepath.Join(d.root, "tmp"))
}

// TestCopyKeepsHoles is apart, as copies that share blocks keep them anyway.
func TestCopyKeepsHoles(t *testing.T) {
	dir := t.TempDir()
	fillVolume(t, dir)
	in, err := os.Open(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.Create(filepath.Join(dir, "copy"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // of no use any more
	if err := copyData(out, in, holeSize); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(out.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	if st.Size != holeSize || st.Blocks*512 > holeSize/8 {
		t.Errorf("copy has %d bytes and takes %d, want %d and far less", st.Size, st.Blocks*512, holeSize)
	}
	data, err := os.ReadFile(filepath.Join(dir, "copy"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Trim(string(data), "\x00"); got != "in the middle" {
		t.Errorf("copy holds %q", got)
	}
}

func TestCapacity(t *testing.T) {
	d := newTestDriver(t)
	id, _ := d.create(t, volumeRequest("source", 3<<20))
	snapID, _ := d.snapshot(t, "snap", id)
	if snap, _ := d.snapshots.get(snapID); snap.SizeBytes != 3<<20 {
		t.Errorf("size of the snapshot is %d, want its volume's", snap.SizeBytes)
	}
	for _, test := range []struct {
		name            string
		required, limit int64
		from            func(*csi.CreateVolumeRequest, string) *csi.CreateVolumeRequest
		want            int64
		code            codes.Code
	}{
		{name: "none", want: defaultCapacity},
		{name: "limit", limit: 1 << 20, want: 1 << 20},
		{name: "both", required: 5, limit: 6, want: 5},
		{name: "contrary", required: 6, limit: 5, code: codes.OutOfRange},
		{name: "negative", required: -1, code: codes.OutOfRange},
		{name: "restore-same", from: fromSnapshot, want: 3 << 20},
		{name: "restore-larger", from: fromSnapshot, required: 4 << 20, want: 4 << 20},
		{name: "restore-smaller", from: fromSnapshot, required: 2 << 20, code: codes.OutOfRange},
		{name: "restore-limited", from: fromSnapshot, limit: 2 << 20, code: codes.OutOfRange},
		{name: "clone-smaller", from: fromVolume, required: 2 << 20, code: codes.OutOfRange},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := volumeRequest(test.name, 0)
			req.CapacityRange = &csi.CapacityRange{RequiredBytes: test.required, LimitBytes: test.limit}
			if test.from != nil {
				req = test.from(req, map[bool]string{true: id, false: snapID}[test.name == "clone-smaller"])
			}
			resp, err := d.CreateVolume(context.Background(), req)
			wantCode(t, err, test.code)
			if got := resp.GetVolume().GetCapacityBytes(); got != test.want {
				t.Errorf("capacity is %d, want %d", got, test.want)
			}
		})
	}
}

func TestSameName(t *testing.T) {
	d := newTestDriver(t)
	id, _ := d.create(t, volumeRequest("name", 1<<20))
	snapID, _ := d.snapshot(t, "snap", id)
	if again, _ := d.create(t, volumeRequest("name", 1<<20)); again != id {
		t.Errorf("id is %s the second time, %s the first", again, id)
	}
	if again, _ := d.snapshot(t, "snap", id); again != snapID {
		t.Errorf("id is %s the second time, %s the first", again, snapID)
	}
	_, err := d.CreateVolume(context.Background(), volumeRequest("name", 2<<20))
	wantCode(t, err, codes.AlreadyExists)
	_, err = d.CreateVolume(context.Background(), fromSnapshot(volumeRequest("name", 1<<20), snapID))
	wantCode(t, err, codes.AlreadyExists)
	otherID, _ := d.create(t, volumeRequest("../other", 1<<20))
	if strings.ContainsAny(otherID, "./") {
		t.Errorf("id %q is no plain file name", otherID)
	}
	_, err = d.CreateSnapshot(context.Background(), &csi.CreateSnapshotRequest{Name: "snap", SourceVolumeId: otherID})
	wantCode(t, err, codes.AlreadyExists)
}
