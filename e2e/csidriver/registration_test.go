package main

import (
	"path/filepath"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// TestRegistration asks as a kubelet does.
func TestRegistration(t *testing.T) {
	socket := "unix://" + filepath.Join(t.TempDir(), "reg.sock")
	r := &registrar{log: zap.NewNop(), name: "dir.test", endpoint: "unix:///plugins/dir.test/csi.sock"}
	if err := r.register(t.Context(), socket); err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing to do about it
	kubelet := registration.NewRegistrationClient(conn)
	info, err := kubelet.GetInfo(t.Context(), &registration.InfoRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if info.Type != "CSIPlugin" || info.Name != "dir.test" || info.Endpoint != "/plugins/dir.test/csi.sock" || len(info.SupportedVersions) != 1 {
		t.Errorf("registers as %v", info)
	}
	for _, registered := range []bool{true, false} {
		if _, err := kubelet.NotifyRegistrationStatus(t.Context(), &registration.RegistrationStatus{PluginRegistered: registered}); err != nil {
			t.Errorf("cannot hear registered=%t: %v", registered, err)
		}
	}
}
