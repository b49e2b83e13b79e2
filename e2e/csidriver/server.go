package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"strings"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// listen opens the unix socket that endpoint names, such as
// unix:///run/csi.sock. A socket nobody answers on any more is replaced.
// Closing the listener removes the socket.
func listen(endpoint string) (net.Listener, error) {
	socket, ok := strings.CutPrefix(endpoint, "unix://")
	if !ok || !strings.HasPrefix(socket, "/") {
		return nil, fmt.Errorf("endpoint %q is not of the form unix:///path/csi.sock", endpoint)
	}
	if err := removeStaleSocket(socket); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", socket, err)
	}
	return listener, nil
}

func removeStaleSocket(socket string) error {
	info, err := os.Lstat(socket)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket", socket)
	}
	if conn, err := net.Dial("unix", socket); err == nil {
		_ = conn.Close() // nothing was written
		return fmt.Errorf("socket %s is in use by another process", socket)
	}
	if err := os.Remove(socket); err != nil {
		return fmt.Errorf("remove stale socket: %w", err)
	}
	return nil
}

// newServer offers the three CSI services of d.
func newServer(d *driver) *grpc.Server {
	server := grpc.NewServer(grpc.UnaryInterceptor(d.logChange))
	csi.RegisterIdentityServer(server, &identityServer{driver: d})
	csi.RegisterControllerServer(server, &controllerServer{driver: d})
	csi.RegisterNodeServer(server, &nodeServer{driver: d})
	return server
}

var changingMethods = map[string]bool{
	"CreateVolume":        true,
	"DeleteVolume":        true,
	"CreateSnapshot":      true,
	"DeleteSnapshot":      true,
	"NodePublishVolume":   true,
	"NodeUnpublishVolume": true,
}

// logChange writes one line for each call that changes something.
func (d *driver) logChange(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	method := path.Base(info.FullMethod)
	if !changingMethods[method] {
		return handler(ctx, req)
	}
	start := time.Now()
	resp, err := handler(ctx, req)
	fields := append(requestFields(req),
		zap.String("method", method),
		zap.Duration("duration", time.Since(start)))
	if err != nil {
		d.log.Error("call failed", append(fields, zap.Stringer("code", status.Code(err)), zap.Error(err))...)
	} else {
		d.log.Info("call done", fields...)
	}
	return resp, err
}

// requestFields picks out of a request what it is about.
func requestFields(req any) []zap.Field {
	var fields []zap.Field
	add := func(key, value string) {
		if value != "" {
			fields = append(fields, zap.String(key, value))
		}
	}
	if r, ok := req.(interface{ GetName() string }); ok {
		add("name", r.GetName())
	}
	if r, ok := req.(interface{ GetVolumeId() string }); ok {
		add("volume", r.GetVolumeId())
	}
	if r, ok := req.(interface{ GetSourceVolumeId() string }); ok {
		add("sourceVolume", r.GetSourceVolumeId())
	}
	if r, ok := req.(interface{ GetSnapshotId() string }); ok {
		add("snapshot", r.GetSnapshotId())
	}
	if r, ok := req.(interface{ GetTargetPath() string }); ok {
		add("target", r.GetTargetPath())
	}
	return fields
}
