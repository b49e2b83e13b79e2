package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
)

func publishRequest(id, target string, readOnly bool) *csi.NodePublishVolumeRequest {
	return &csi.NodePublishVolumeRequest{VolumeId: id, TargetPath: target, VolumeCapability: mountCapability(), Readonly: readOnly}
}

// publish mounts a volume until the test ends and returns where.
func publish(t *testing.T, d *testDriver, id string, readOnly bool) string {
	t.Helper()
	target := filepath.Join(t.TempDir(), "with space", "target")
	if _, err := d.node.NodePublishVolume(context.Background(), publishRequest(id, target, readOnly)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unpublish(t, d, id, target) })
	return target
}

func unpublish(t *testing.T, d *testDriver, id, target string) {
	t.Helper()
	// A writer may need a moment to die, and keeps the mount busy until then.
	waitFor(t, "the volume is unpublished", func() bool {
		_, err := d.node.NodeUnpublishVolume(context.Background(), &csi.NodeUnpublishVolumeRequest{VolumeId: id, TargetPath: target})
		return err == nil
	})
}

func TestPublish(t *testing.T) {
	needMounts(t)
	d := newTestDriver(t)
	id, dir := d.create(t, volumeRequest("published", 1<<20))
	writeFile(t, filepath.Join(dir, "file"), "content")

	t.Run("writable", func(t *testing.T) {
		target := publish(t, d, id, false)
		writeFile(t, filepath.Join(target, "file"), "changed")
		wantFile(t, filepath.Join(dir, "file"), "changed")
	})
	t.Run("read-only", func(t *testing.T) {
		target := publish(t, d, id, true)
		if err := os.WriteFile(filepath.Join(target, "file"), nil, 0o644); !errors.Is(err, unix.EROFS) {
			t.Errorf("write to a read-only volume: %v, want %v", err, unix.EROFS)
		}
	})
	t.Run("again", func(t *testing.T) {
		target := publish(t, d, id, false)
		if _, err := d.node.NodePublishVolume(context.Background(), publishRequest(id, target, false)); err != nil {
			t.Error(err)
		}
		mounts, err := bindMountsOf(dir)
		if err != nil || len(mounts) != 1 {
			t.Errorf("mounts are %v (%v), want one", mounts, err)
		}
		_, err = d.node.NodePublishVolume(context.Background(), publishRequest(id, target, true))
		wantCode(t, err, codes.AlreadyExists)
	})
	t.Run("delete", func(t *testing.T) {
		target := publish(t, d, id, false)
		_, err := d.DeleteVolume(context.Background(), &csi.DeleteVolumeRequest{VolumeId: id})
		wantCode(t, err, codes.FailedPrecondition)
		unpublish(t, d, id, target)
		if _, err := os.Lstat(target); !os.IsNotExist(err) {
			t.Errorf("target after unpublish: %v, want it gone", err)
		}
		if _, err := d.DeleteVolume(context.Background(), &csi.DeleteVolumeRequest{VolumeId: id}); err != nil {
			t.Error(err)
		}
		_, err = d.node.NodePublishVolume(context.Background(), publishRequest(id, target, false))
		wantCode(t, err, codes.NotFound)
	})
}

func TestParseMounts(t *testing.T) {
	got := parseMounts("36 35 98:0 /vol\\040umes/a /mnt/x\\134y rw,noatime shared:1 - ext4 /dev/root rw\n" +
		"37 35 98:0 /b /mnt/b ro,relatime - ext4 /dev/root rw\n")
	want := []mount{
		{root: "/vol umes/a", target: `/mnt/x\y`},
		{root: "/b", target: "/mnt/b", readOnly: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("mounts are %+v, want %+v", got, want)
	}
}
