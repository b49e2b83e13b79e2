package main

import (
	"context"
	"fmt"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// CreateSnapshot cuts a snapshot of a volume, or reports the one of that name.
func (s *controllerServer) CreateSnapshot(ctx context.Context, req *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	name, sourceID := req.GetName(), req.GetSourceVolumeId()
	if name == "" {
		return nil, status.Error(codes.InvalidArgument, "name is missing")
	}
	if sourceID == "" {
		return nil, status.Errorf(codes.InvalidArgument, "snapshot %q: source_volume_id is missing", name)
	}
	faults, err := s.faultsOf(snapshotFaultKeys, req.GetParameters(), ofSnapshots)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "snapshot %q: %v", name, err)
	}
	if err := faults.keep(ctx); err != nil {
		return nil, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()

	if snap, ok := s.snapshots.get(idFor(name)); ok {
		if snap.SourceVolumeID != sourceID {
			return nil, status.Errorf(codes.AlreadyExists, "snapshot %q exists, of volume %q", name, snap.SourceVolumeID)
		}
		return &csi.CreateSnapshotResponse{Snapshot: s.message(snap)}, nil
	}
	v, ok := s.volumes.get(sourceID)
	if !ok {
		return nil, status.Errorf(codes.NotFound, "no volume %q", sourceID)
	}
	if err := s.snapshotFaults.check(name, faults); err != nil {
		return nil, err
	}
	snap, err := s.makeSnapshot(name, v, faults)
	if err != nil {
		return nil, statusOf(fmt.Errorf("create snapshot %q: %w", name, err))
	}
	s.snapshotFaults.forget(name)
	return &csi.CreateSnapshotResponse{Snapshot: s.message(snap)}, nil
}

// makeSnapshot cuts v and takes the snapshot into the catalog.
func (s *controllerServer) makeSnapshot(name string, v volume, f faults) (snapshot, error) {
	snap := snapshot{ID: idFor(name), Name: name, SourceVolumeID: v.ID, SizeBytes: v.CapacityBytes}
	staged, err := s.staged(snap.ID)
	if err != nil {
		return snapshot{}, err
	}
	defer os.RemoveAll(staged) //nolint:errcheck // gone after the rename
	if err := s.cutTo(staged, v.ID, func() { snap.CutAt = s.now() }); err != nil {
		return snapshot{}, err
	}
	if err := f.content.applyTo(staged); err != nil {
		return snapshot{}, err
	}
	snap.ReadyAt = snap.CutAt.Add(f.readyAfter)
	return snap, s.snapshots.add(snap, staged)
}

// DeleteSnapshot removes a snapshot; volumes made from it have their own copy.
func (s *controllerServer) DeleteSnapshot(ctx context.Context, req *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	id := req.GetSnapshotId()
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "snapshot_id is missing")
	}
	faults, err := s.faultsOf(deleteFaultKeys, nil, ofDeletes)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "delete snapshot %q: %v", id, err)
	}
	if err := faults.keep(ctx); err != nil {
		return nil, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if _, ok := s.snapshots.get(id); !ok {
		return &csi.DeleteSnapshotResponse{}, nil
	}
	if err := s.snapshotFaults.check(id, faults); err != nil {
		return nil, err
	}
	if err := s.snapshots.remove(id); err != nil {
		return nil, statusOf(fmt.Errorf("delete snapshot %q: %w", id, err))
	}
	s.snapshotFaults.forget(id)
	return &csi.DeleteSnapshotResponse{}, nil
}

// ListSnapshots lists the snapshots page by page, or those of one volume, or
// one snapshot.
func (s *controllerServer) ListSnapshots(_ context.Context, req *csi.ListSnapshotsRequest) (*csi.ListSnapshotsResponse, error) {
	var wanted []snapshot
	for _, snap := range s.snapshots.list() {
		if id := req.GetSnapshotId(); id != "" && id != snap.ID {
			continue
		}
		if id := req.GetSourceVolumeId(); id != "" && id != snap.SourceVolumeID {
			continue
		}
		wanted = append(wanted, snap)
	}
	snapshots, next, err := page(wanted, req.GetStartingToken(), req.GetMaxEntries())
	if err != nil {
		return nil, err
	}
	resp := &csi.ListSnapshotsResponse{NextToken: next}
	for _, snap := range snapshots {
		resp.Entries = append(resp.Entries, &csi.ListSnapshotsResponse_Entry{Snapshot: s.message(snap)})
	}
	return resp, nil
}

// message is snap as CSI says it now.
func (s *controllerServer) message(snap snapshot) *csi.Snapshot {
	return &csi.Snapshot{
		SnapshotId:     snap.ID,
		SourceVolumeId: snap.SourceVolumeID,
		SizeBytes:      snap.SizeBytes,
		CreationTime:   timestamppb.New(snap.CutAt),
		ReadyToUse:     !s.now().Before(snap.ReadyAt),
	}
}
