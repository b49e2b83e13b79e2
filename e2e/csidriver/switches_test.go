package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
)

// switchOn writes a file of faults, and returns what removes it.
func (d *testDriver) switchOn(t *testing.T, name, content string) (off func()) {
	t.Helper()
	dir := filepath.Join(d.root, "faults")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name+".json")
	writeFile(t, file, content)
	return func() {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

// TestSwitches has faults that begin and end while the driver runs, two at once.
func TestSwitches(t *testing.T) {
	d, ctx := newTestDriver(t), context.Background()
	source, _ := d.create(t, volumeRequest("source", 1<<20))
	busy := d.switchOn(t, "busy", `{"volumes": {"failCreates": "true", "failWith": "RESOURCE_EXHAUSTED"}}`)
	ill := d.switchOn(t, "ill", `{"snapshots": {"failSnapshots": "true"}, "deletes": {"failDeletes": "true"}}`)
	fails := func(volume, snapshot codes.Code) {
		t.Helper()
		wantCode(t, d.make("volume", "one", source, nil), volume)
		wantCode(t, d.make("snapshot", "one", source, map[string]string{"cutAfter": "0s"}), snapshot)
		_, err := d.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: "one"}) // one that is gone is deleted
		if volume == codes.OK {
			wantCode(t, err, snapshot)
		}
	}
	fails(codes.ResourceExhausted, codes.Internal)
	busy()
	fails(codes.OK, codes.Internal)
	ill()
	fails(codes.OK, codes.OK)
	if _, err := d.DeleteSnapshot(ctx, &csi.DeleteSnapshotRequest{SnapshotId: "one"}); err != nil {
		t.Error(err)
	}
	defer d.switchOn(t, "wrong", `{`)()
	fails(codes.InvalidArgument, codes.InvalidArgument)
}

// TestHangingCalls has calls of all kinds that are kept until their callers give up.
func TestHangingCalls(t *testing.T) {
	d := newTestDriver(t)
	source, _ := d.create(t, volumeRequest("source", 1<<20))
	hour := `{"hangFor": "1h"}`
	d.switchOn(t, "hang", `{"volumes": `+hour+`, "snapshots": `+hour+`, "deletes": `+hour+`}`)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := d.CreateVolume(ctx, volumeRequest("one", 1<<20))
	wantCode(t, err, codes.DeadlineExceeded)
	_, err = d.CreateSnapshot(ctx, &csi.CreateSnapshotRequest{Name: "one", SourceVolumeId: source})
	wantCode(t, err, codes.DeadlineExceeded)
	_, err = d.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: source})
	wantCode(t, err, codes.DeadlineExceeded)
	_, err = d.DeleteSnapshot(ctx, &csi.DeleteSnapshotRequest{SnapshotId: "one"})
	wantCode(t, err, codes.DeadlineExceeded)
}

// TestTornLine has a snapshot that ends in the middle of a line.
func TestTornLine(t *testing.T) {
	d := newTestDriver(t)
	id, dir := d.create(t, volumeRequest("text", 1<<20))
	params := map[string]string{"content": "torn-line"}
	for name, want := range map[string]string{"first line\nlast\n": "first line\nlast\nla", "one\nhal": "one\nhalon", "no line": "no line"} {
		writeFile(t, filepath.Join(dir, "log"), name)
		snapshot, err := d.snapshotOf(idFor(name), id, params)
		if err != nil {
			t.Fatal(err)
		}
		wantFile(t, filepath.Join(snapshot, "log"), want)
		wantFile(t, filepath.Join(dir, "log"), name)
	}
}
