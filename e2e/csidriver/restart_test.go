package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
)

func TestRestart(t *testing.T) {
	clk, root := newClock(), t.TempDir()
	before := openDriver(t, root, clk.now)
	id, dir := before.create(t, volumeRequest("source", 1<<20))
	writeFile(t, filepath.Join(dir, "file"), "content")
	snapID, snapDir := before.snapshot(t, "snap", id)
	before.create(t, fromSnapshot(volumeRequest("restored", 1<<20), snapID))
	before.create(t, fromVolume(volumeRequest("a name/with: signs", 1<<20), id))

	// What a crash may leave at each point of a creation or a deletion.
	var leftovers []string
	for _, path := range []string{"tmp/half/file", "volumes/half/file", "snapshots/half/file", "snapshots/half2.json.tmp"} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, "left over")
		leftovers = append(leftovers, path)
	}

	after := openDriver(t, root, clk.now)
	wantSameLists(t, before, after)
	wantFile(t, filepath.Join(dir, "file"), "content")
	wantFile(t, filepath.Join(snapDir, "file"), "content")
	for _, path := range leftovers {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("leftover %s after the restart: %v, want it gone", path, err)
		}
	}
	if again, _ := after.create(t, volumeRequest("source", 1<<20)); again != id {
		t.Errorf("id is %s after the restart, %s before", again, id)
	}
}

func wantSameLists(t *testing.T, before, after *testDriver) {
	t.Helper()
	lists := func(d *testDriver) (proto.Message, proto.Message) {
		volumes, err := d.ListVolumes(context.Background(), &csi.ListVolumesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		snapshots, err := d.ListSnapshots(context.Background(), &csi.ListSnapshotsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return volumes, snapshots
	}
	wantVolumes, wantSnapshots := lists(before)
	gotVolumes, gotSnapshots := lists(after)
	if !proto.Equal(wantVolumes, gotVolumes) || !proto.Equal(wantSnapshots, gotSnapshots) {
		t.Errorf("listed %v and %v, want %v and %v", gotVolumes, gotSnapshots, wantVolumes, wantSnapshots)
	}
}

func TestPaging(t *testing.T) {
	d := newTestDriver(t)
	for i := range 5 {
		d.create(t, volumeRequest(fmt.Sprintf("volume-%d", i), 1<<20))
	}
	var seen []string
	token := ""
	for pages := 0; pages == 0 || token != ""; pages++ {
		resp, err := d.ListVolumes(context.Background(), &csi.ListVolumesRequest{MaxEntries: 2, StartingToken: token})
		if err != nil || pages > 5 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, entry := range resp.GetEntries() {
			seen = append(seen, entry.GetVolume().GetVolumeId())
		}
		token = resp.GetNextToken()
		// The token has to survive that what it stands for is deleted.
		if _, err := d.DeleteVolume(context.Background(), &csi.DeleteVolumeRequest{VolumeId: seen[len(seen)-1]}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(seen, " "), "volume-0 volume-1 volume-2 volume-3 volume-4"; got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
}

// startDriver runs the driver in a process of its own. The returned function
// stops it with SIGTERM.
func startDriver(t *testing.T, socket, root string) (stop func() error) {
	t.Helper()
	cmd := driverCommand(t, socket, root)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() }) //nolint:errcheck // it has mostly ended
	return func() error {
		if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
			return err
		}
		select {
		case err := <-done:
			return err
		case <-time.After(time.Minute):
			return fmt.Errorf("the driver does not stop")
		}
	}
}

func driverCommand(t *testing.T, socket, root string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "--endpoint", "unix://"+socket, "--root", root, "--node-id", "node-1")
	cmd.Env = append(os.Environ(), roleEnv+"=driver")
	return cmd
}

func TestProcess(t *testing.T) {
	dir := t.TempDir()
	socket, root := filepath.Join(dir, "csi.sock"), filepath.Join(dir, "root")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}

	for _, volume := range []string{"first", "second"} {
		stop := startDriver(t, socket, root)
		conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := csi.NewControllerClient(conn).CreateVolume(ctx, volumeRequest(volume, 1<<20), grpc.WaitForReady(true)); err != nil {
			t.Fatal(err)
		}
		info, err := csi.NewIdentityClient(conn).GetPluginInfo(ctx, &csi.GetPluginInfoRequest{})
		if err != nil || info.GetName() != "dir.csi.snapback.dev" || info.GetVendorVersion() == "" {
			t.Errorf("plugin info is %v (%v)", info, err)
		}
		if out, err := driverCommand(t, socket, root).CombinedOutput(); err == nil || !strings.Contains(string(out), "in use") {
			t.Errorf("a second driver on the socket: %v, output %s; want it refused", err, out)
		}
		listed, err := csi.NewControllerClient(conn).ListVolumes(ctx, &csi.ListVolumesRequest{})
		if want := map[string]int{"first": 1, "second": 2}[volume]; err != nil || len(listed.GetEntries()) != want {
			t.Errorf("listed %v (%v), want %d volumes", listed.GetEntries(), err, want)
		}
		// The connection stays open: sidecars do not close theirs either.
		if err := stop(); err != nil {
			t.Errorf("stop with SIGTERM: %v", err)
		}
		_ = conn.Close() // the driver is gone
		if _, err := os.Lstat(socket); !os.IsNotExist(err) {
			t.Errorf("socket after the stop: %v, want it gone", err)
		}
	}
}
