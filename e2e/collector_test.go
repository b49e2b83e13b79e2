package e2e

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// collector is an OpenTelemetry collector that keeps what it is sent, by either protocol.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer
	grpc, http string // URLs

	mu    sync.Mutex
	spans []span
}

// span is a span as it was sent, with the service that has sent it.
type span struct {
	*tracev1.Span
	service string
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(listener) }() // until it is stopped
	t.Cleanup(server.Stop)
	web := httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(web.Close)
	c.grpc, c.http = "http://"+listener.Addr().String(), web.URL
	return c
}

// Export implements the service of OTLP.
func (c *collector) Export(_ context.Context, req *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range req.ResourceSpans {
		for _, scope := range r.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, span{s, text(r.Resource.Attributes, "service.name")})
			}
		}
	}
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

func (c *collector) serve(w http.ResponseWriter, r *http.Request) {
	var req collectorv1.ExportTraceServiceRequest
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = proto.Unmarshal(body, &req)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, fmt.Sprint(r.URL.Path, err), http.StatusBadRequest)
		return
	}
	_, _ = c.Export(r.Context(), &req) // it never fails
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// trace returns the spans of a trace, the earliest first.
func (c *collector) trace(id string) (all []span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if hex.EncodeToString(s.TraceId) == id {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b span) int { return a.start().Compare(b.start()) })
	return all
}

// named returns the ids of the traces with a span of that name.
func (c *collector) named(name string) (ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.Name == name {
			ids = append(ids, hex.EncodeToString(s.TraceId))
		}
	}
	return ids
}

func (s span) start() time.Time { return time.Unix(0, int64(s.StartTimeUnixNano)).UTC() }
func (s span) end() time.Time   { return time.Unix(0, int64(s.EndTimeUnixNano)).UTC() }

// text is the value of an attribute.
func text(attributes []*commonv1.KeyValue, key string) string {
	for _, a := range attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// under returns the names of the spans below one, sorted.
func under(all []span, parent span) (names []string) {
	for _, s := range all {
		if string(s.ParentSpanId) == string(parent.SpanId) {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// find returns the only span of that name.
func find(t *testing.T, all []span, name string) span {
	t.Helper()
	var found []span
	for _, s := range all {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans are called %s", len(found), name)
	}
	return found[0]
}
