package e2e

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"syscall"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/ports"
	"github.com/snapback-dev/snapback/tracing"
)

// TestTracingWithoutCollector has collectors that take connections and never answer, that are
// away, and that have too much to do: runs and restores are as without them, and the
// processes end when they are told to.
func TestTracingWithoutCollector(t *testing.T) {
	t.Parallel()
	cluster.NeedsComponents(t)
	on, away := ownSite(t, cluster.Options{}), "http://"+ports.Address(t)
	for _, test := range []struct{ name, grpc, http string }{
		{"it hangs", "http://" + cluster.Hanging(t), "http://" + cluster.Hanging(t)},
		{"it is away", away, away},
		{"it has too much to do", busyGRPC(t), busyHTTP(t)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := startTraced(t, on, test.grpc, test.http)
			lost := []*corev1.PersistentVolumeClaim{s.volume(t, 0), s.volume(t, 1)}
			s.nightly(t)
			s.awaitRun(t)
			s.lose(t, lost...)
			for n := range lost {
				pvc := s.volume(t, n)
				if _, traced := tracing.OfClaim(pvc); !traced || pvc.Annotations[v1alpha1.AnnotationRestoredFrom] == "" {
					t.Errorf("claim %s is bound with %v", pvc.Name, pvc.Annotations)
				}
			}
			ends(t, s.webhook)
			ends(t, s.scheduler)
		})
	}
}

// busyGRPC returns the URL of a collector that asks by gRPC to be left alone for an hour.
func busyGRPC(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(server, busy{})
	go func() { _ = server.Serve(listener) }() // until it is stopped
	t.Cleanup(server.Stop)
	return "http://" + listener.Addr().String()
}

type busy struct {
	collectorv1.UnimplementedTraceServiceServer
}

func (busy) Export(context.Context, *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	later, err := status.New(codes.ResourceExhausted, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Hour)})
	if err != nil {
		return nil, err
	}
	return nil, later.Err()
}

// busyHTTP returns the URL of one that asks so by HTTP.
func busyHTTP(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// ends tells a process to end, and waits until it has.
func ends(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%s ends with %v", cmd.Args[1], err)
		}
	case <-time.After(patience):
		t.Errorf("%s does not end", cmd.Args[1])
	}
}
