package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// defaultCapacity is the size of a volume that nobody gave one. Sizes are
// remembered and compared only: a directory has no limit.
const defaultCapacity = 1 << 30

// CreateVolume makes an empty volume, or one from a snapshot or a volume.
func (s *controllerServer) CreateVolume(ctx context.Context, req *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if err := checkCreateVolume(req); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	faults, err := s.faultsOf(volumeFaultKeys, req.GetParameters(), ofVolumes)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "volume %q: %v", req.GetName(), err)
	}
	if err := faults.keep(ctx); err != nil {
		return nil, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()

	src := requestedSource(req)
	if v, ok := s.volumes.get(idFor(req.GetName())); ok {
		if err := compatible(v, src, req.GetCapacityRange()); err != nil {
			return nil, status.Error(codes.AlreadyExists, err.Error())
		}
		return &csi.CreateVolumeResponse{Volume: v.message()}, nil
	}
	sourceSize, err := s.sourceSize(src)
	if err != nil {
		return nil, err
	}
	capacity, err := capacityFor(req.GetCapacityRange(), sourceSize)
	if err != nil {
		return nil, status.Errorf(codes.OutOfRange, "volume %q: %v", req.GetName(), err)
	}
	if err := s.volumeFaults.check(req.GetName(), faults); err != nil {
		return nil, err
	}
	v := volume{ID: idFor(req.GetName()), Name: req.GetName(), CapacityBytes: capacity, Source: src, CreatedAt: s.now()}
	if err := s.makeVolume(v); err != nil {
		return nil, statusOf(fmt.Errorf("create volume %q: %w", v.Name, err))
	}
	s.volumeFaults.forget(req.GetName())
	return &csi.CreateVolumeResponse{Volume: v.message()}, nil
}

func checkCreateVolume(req *csi.CreateVolumeRequest) error {
	if req.GetName() == "" {
		return errors.New("name is missing")
	}
	if len(req.GetVolumeCapabilities()) == 0 {
		return fmt.Errorf("volume %q: volume_capabilities are missing", req.GetName())
	}
	if err := checkCapabilities(req.GetVolumeCapabilities()); err != nil {
		return fmt.Errorf("volume %q: %w", req.GetName(), err)
	}
	if req.GetVolumeContentSource() != nil && requestedSource(req) == (source{}) {
		return fmt.Errorf("volume %q: content source names neither a snapshot nor a volume", req.GetName())
	}
	return nil
}

func requestedSource(req *csi.CreateVolumeRequest) source {
	return source{
		SnapshotID: req.GetVolumeContentSource().GetSnapshot().GetSnapshotId(),
		VolumeID:   req.GetVolumeContentSource().GetVolume().GetVolumeId(),
	}
}

// compatible says whether v can serve as what is asked for under its name.
func compatible(v volume, src source, r *csi.CapacityRange) error {
	if v.Source != src {
		return fmt.Errorf("volume %q exists with another content source", v.Name)
	}
	limit := r.GetLimitBytes()
	if v.CapacityBytes < r.GetRequiredBytes() || (limit > 0 && v.CapacityBytes > limit) {
		return fmt.Errorf("volume %q exists with another capacity, %d bytes", v.Name, v.CapacityBytes)
	}
	return nil
}

// sourceSize returns the least size that a volume made from src has.
func (s *controllerServer) sourceSize(src source) (int64, error) {
	switch {
	case src.SnapshotID != "":
		snap, ok := s.snapshots.get(src.SnapshotID)
		if !ok {
			return 0, status.Errorf(codes.NotFound, "no snapshot %q", src.SnapshotID)
		}
		if s.now().Before(snap.ReadyAt) {
			return 0, status.Errorf(codes.Aborted, "snapshot %q is not ready to use yet", src.SnapshotID)
		}
		return snap.SizeBytes, nil
	case src.VolumeID != "":
		v, ok := s.volumes.get(src.VolumeID)
		if !ok {
			return 0, status.Errorf(codes.NotFound, "no volume %q", src.VolumeID)
		}
		return v.CapacityBytes, nil
	}
	return 0, nil
}

// capacityFor picks the size of a new volume within r and at least sourceSize.
func capacityFor(r *csi.CapacityRange, sourceSize int64) (int64, error) {
	required, limit := r.GetRequiredBytes(), r.GetLimitBytes()
	if required < 0 || limit < 0 {
		return 0, fmt.Errorf("negative capacity range (%d to %d bytes)", required, limit)
	}
	size := required
	switch {
	case size > 0:
	case sourceSize > 0:
		size = sourceSize
	case limit > 0:
		size = min(defaultCapacity, limit)
	default:
		size = defaultCapacity
	}
	if size < sourceSize {
		return 0, fmt.Errorf("%d bytes are less than its source's %d", size, sourceSize)
	}
	if limit > 0 && size > limit {
		return 0, fmt.Errorf("%d bytes are more than the limit of %d", size, limit)
	}
	return size, nil
}

// makeVolume fills a directory for v and takes it into the catalog.
func (s *controllerServer) makeVolume(v volume) error {
	staged, err := s.staged(v.ID)
	if err != nil {
		return err
	}
	// A failed attempt must not lie about until the next one.
	defer os.RemoveAll(staged) //nolint:errcheck // gone after the rename
	switch {
	case v.Source.SnapshotID != "":
		err = copyTree(staged, s.snapshots.dataDir(v.Source.SnapshotID))
	case v.Source.VolumeID != "":
		err = s.cutTo(staged, v.Source.VolumeID, func() {})
	default:
		err = makeEmpty(staged)
	}
	if err != nil {
		return err
	}
	return s.volumes.add(v, staged)
}

// makeEmpty makes a directory that pods of any user can write to.
func makeEmpty(dir string) error {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		return fmt.Errorf("open directory for all: %w", err)
	}
	return nil
}

// cutTo copies a volume to dst as it is at one point in time. begin is called
// at that point; if the copy has to be repeated, again at the later one.
func (d *driver) cutTo(dst, volumeID string, begin func()) error {
	src := d.volumes.dataDir(volumeID)
	return d.cut(src, func() error {
		begin()
		if err := os.RemoveAll(dst); err != nil {
			return fmt.Errorf("clear copy of volume %s: %w", volumeID, err)
		}
		return copyTree(dst, src)
	})
}

// DeleteVolume removes a volume that is not published. Its snapshots stay.
func (s *controllerServer) DeleteVolume(ctx context.Context, req *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	id := req.GetVolumeId()
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "volume_id is missing")
	}
	faults, err := s.faultsOf(deleteFaultKeys, nil, ofDeletes)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "delete volume %q: %v", id, err)
	}
	if err := faults.keep(ctx); err != nil {
		return nil, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if _, ok := s.volumes.get(id); !ok {
		return &csi.DeleteVolumeResponse{}, nil
	}
	if err := s.volumeFaults.check(id, faults); err != nil {
		return nil, err
	}
	mounts, err := bindMountsOf(s.volumes.dataDir(id))
	if err != nil {
		return nil, statusOf(fmt.Errorf("delete volume %q: %w", id, err))
	}
	if len(mounts) > 0 {
		return nil, status.Errorf(codes.FailedPrecondition, "volume %q is still published at %s", id, mounts[0].target)
	}
	if err := s.volumes.remove(id); err != nil {
		return nil, statusOf(fmt.Errorf("delete volume %q: %w", id, err))
	}
	s.volumeFaults.forget(id)
	return &csi.DeleteVolumeResponse{}, nil
}

// ListVolumes lists the volumes page by page.
func (s *controllerServer) ListVolumes(_ context.Context, req *csi.ListVolumesRequest) (*csi.ListVolumesResponse, error) {
	volumes, next, err := page(s.volumes.list(), req.GetStartingToken(), req.GetMaxEntries())
	if err != nil {
		return nil, err
	}
	resp := &csi.ListVolumesResponse{NextToken: next}
	for _, v := range volumes {
		resp.Entries = append(resp.Entries, &csi.ListVolumesResponse_Entry{Volume: v.message()})
	}
	return resp, nil
}

// message is v as CSI says it.
func (v volume) message() *csi.Volume {
	m := &csi.Volume{VolumeId: v.ID, CapacityBytes: v.CapacityBytes}
	switch {
	case v.Source.SnapshotID != "":
		m.ContentSource = &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
			Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: v.Source.SnapshotID},
		}}
	case v.Source.VolumeID != "":
		m.ContentSource = &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{
			Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: v.Source.VolumeID},
		}}
	}
	return m
}
