package main

import (
	"context"
	"strings"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// registrar tells a kubelet of the driver, on a socket of its own in the
// kubelet's folder plugins_registry.
type registrar struct {
	registration.UnimplementedRegistrationServer
	log      *zap.Logger
	name     string
	endpoint string // the driver's socket, as the kubelet sees it
}

// GetInfo says what there is to register.
func (r *registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              r.name,
		Endpoint:          strings.TrimPrefix(r.endpoint, "unix://"),
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

// NotifyRegistrationStatus hears what became of it. A kubelet that refuses
// tries again by itself.
func (r *registrar) NotifyRegistrationStatus(_ context.Context, s *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if s.GetPluginRegistered() {
		r.log.Info("registered with the kubelet")
	} else {
		r.log.Error("the kubelet does not register the driver", zap.String("error", s.GetError()))
	}
	return &registration.RegistrationStatusResponse{}, nil
}

// register serves r on endpoint until ctx ends.
func (r *registrar) register(ctx context.Context, endpoint string) error {
	listener, err := listen(endpoint)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	registration.RegisterRegistrationServer(server, r)
	context.AfterFunc(ctx, server.GracefulStop)
	go func() {
		if err := server.Serve(listener); err != nil {
			r.log.Error("the registration ended", zap.String("endpoint", endpoint), zap.Error(err))
		}
	}()
	return nil
}
