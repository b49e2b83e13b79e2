package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// roleEnv makes the test binary run as something else than the tests.
const roleEnv = "CSIDRIVER_TEST_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	case "driver":
		err = run(os.Args[1:])
	case "writer":
		err = writeNumbers(os.Args[1], os.Args[2])
	case "crowd":
		err = crowdNumbers(os.Args[1], os.Args[2])
	case "mapper":
		err = mapNumbers(os.Args[1], os.Args[2])
	default:
		err = fmt.Errorf("unknown role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// clock is a time that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock {
	return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// testDriver is a driver whose calls are made directly.
type testDriver struct {
	controllerServer
	node nodeServer
}

func openDriver(t *testing.T, root string, now func() time.Time) *testDriver {
	t.Helper()
	d, err := newDriver(config{root: root, nodeID: "node-1", name: "dir.csi.snapback.dev", log: zap.NewNop(), now: now})
	if err != nil {
		t.Fatal(err)
	}
	return &testDriver{controllerServer: controllerServer{driver: d}, node: nodeServer{driver: d}}
}

func newTestDriver(t *testing.T) *testDriver {
	t.Helper()
	return openDriver(t, t.TempDir(), time.Now)
}

func mountCapability() *csi.VolumeCapability {
	return &csi.VolumeCapability{
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
	}
}

func volumeRequest(name string, size int64) *csi.CreateVolumeRequest {
	return &csi.CreateVolumeRequest{
		Name:               name,
		CapacityRange:      &csi.CapacityRange{RequiredBytes: size},
		VolumeCapabilities: []*csi.VolumeCapability{mountCapability()},
	}
}

func fromSnapshot(req *csi.CreateVolumeRequest, id string) *csi.CreateVolumeRequest {
	req.VolumeContentSource = &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
		Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: id},
	}}
	return req
}

func fromVolume(req *csi.CreateVolumeRequest, id string) *csi.CreateVolumeRequest {
	req.VolumeContentSource = &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{
		Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: id},
	}}
	return req
}

// create makes a volume and returns its id and the directory of its data.
func (d *testDriver) create(t *testing.T, req *csi.CreateVolumeRequest) (id, dir string) {
	t.Helper()
	resp, err := d.CreateVolume(context.Background(), req)
	if err != nil {
		t.Fatalf("create volume %s: %v", req.GetName(), err)
	}
	id = resp.GetVolume().GetVolumeId()
	return id, filepath.Join(d.root, "volumes", id)
}

// snapshot cuts a snapshot and returns its id and the directory of its data.
func (d *testDriver) snapshot(t *testing.T, name, volumeID string) (id, dir string) {
	t.Helper()
	resp, err := d.CreateSnapshot(context.Background(), &csi.CreateSnapshotRequest{Name: name, SourceVolumeId: volumeID})
	if err != nil {
		t.Fatalf("create snapshot %s: %v", name, err)
	}
	id = resp.GetSnapshot().GetSnapshotId()
	return id, filepath.Join(d.root, "snapshots", id)
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Fatalf("code is %s, want %s (error: %v)", got, want, err)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Fatalf("%s holds %q, want %q", path, got, want)
	}
}

// waitFor polls until cond holds, for a minute at most.
func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// needMounts skips a test where bind mounts are not permitted.
func needMounts(t *testing.T) {
	t.Helper()
	if err := tryMount(t); err != nil {
		t.Skipf("bind mounts are not permitted here: %v", err)
	}
}

func tryMount(t *testing.T) error {
	src, dst := t.TempDir(), t.TempDir()
	if err := bindMount(src, dst, false); err != nil {
		return err
	}
	return unmount(dst)
}
