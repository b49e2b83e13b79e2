package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// nodeServer is the CSI node service: volumes are bind mounted, not staged.
type nodeServer struct {
	csi.UnimplementedNodeServer
	*driver
}

// NodeGetCapabilities reports none of the optional calls.
func (s *nodeServer) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{}, nil
}

// NodeGetInfo reports the node's name and no topology.
func (s *nodeServer) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: s.nodeID}, nil
}

// NodePublishVolume bind mounts a volume at the target path.
func (s *nodeServer) NodePublishVolume(_ context.Context, req *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	if err := checkPublish(req); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	id := req.GetVolumeId()
	if _, ok := s.volumes.get(id); !ok {
		return nil, status.Errorf(codes.NotFound, "no volume %q", id)
	}
	if err := os.MkdirAll(req.GetTargetPath(), 0o755); err != nil {
		return nil, statusOf(fmt.Errorf("publish volume %q: %w", id, err))
	}
	// The kernel lists mounts by paths without symlinks.
	target, err := filepath.EvalSymlinks(req.GetTargetPath())
	if err != nil {
		return nil, statusOf(fmt.Errorf("publish volume %q: %w", id, err))
	}
	mounts, err := bindMountsOf(s.volumes.dataDir(id))
	if err != nil {
		return nil, statusOf(fmt.Errorf("publish volume %q: %w", id, err))
	}
	for _, m := range mounts {
		if m.target != target {
			continue
		}
		if m.readOnly != wantsReadOnly(req) {
			return nil, status.Errorf(codes.AlreadyExists, "volume %q is published at %s with read-only %t", id, target, m.readOnly)
		}
		return &csi.NodePublishVolumeResponse{}, nil
	}
	if err := bindMount(s.volumes.dataDir(id), target, wantsReadOnly(req)); err != nil {
		return nil, statusOf(fmt.Errorf("publish volume %q: %w", id, err))
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func checkPublish(req *csi.NodePublishVolumeRequest) error {
	if req.GetVolumeId() == "" {
		return errors.New("volume_id is missing")
	}
	if !filepath.IsAbs(req.GetTargetPath()) {
		return fmt.Errorf("target_path %q is not an absolute path", req.GetTargetPath())
	}
	if req.GetVolumeCapability() == nil {
		return errors.New("volume_capability is missing")
	}
	return checkCapabilities([]*csi.VolumeCapability{req.GetVolumeCapability()})
}

func wantsReadOnly(req *csi.NodePublishVolumeRequest) bool {
	switch req.GetVolumeCapability().GetAccessMode().GetMode() {
	case csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY,
		csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY:
		return true
	}
	return req.GetReadonly()
}

// NodeUnpublishVolume unmounts and removes the target path. It succeeds also
// for a volume that is gone, or else its pod could never be removed.
func (s *nodeServer) NodeUnpublishVolume(_ context.Context, req *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if req.GetVolumeId() == "" {
		return nil, status.Error(codes.InvalidArgument, "volume_id is missing")
	}
	if !filepath.IsAbs(req.GetTargetPath()) {
		return nil, status.Errorf(codes.InvalidArgument, "target_path %q is not an absolute path", req.GetTargetPath())
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	target, err := filepath.EvalSymlinks(req.GetTargetPath())
	if errors.Is(err, fs.ErrNotExist) {
		return &csi.NodeUnpublishVolumeResponse{}, nil
	}
	if err == nil {
		err = unmount(target)
	}
	if err == nil {
		// Not RemoveAll: what is still in there is not ours.
		err = os.Remove(target)
	}
	if err != nil {
		return nil, statusOf(fmt.Errorf("unpublish volume %q: %w", req.GetVolumeId(), err))
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}
