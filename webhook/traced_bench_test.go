package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/snapback-dev/snapback/tracing"
	"github.com/snapback-dev/snapback/webhook"
)

// BenchmarkTracing compares restores that are traced with those that are not, through TLS and
// with reads from a server, as BenchmarkServed has them. They take turns, so that what else
// the machine does slows down both.
func BenchmarkTracing(b *testing.B) {
	var all []*snapshotv1.VolumeSnapshot
	q := quick{snapshots: map[string]*snapshotv1.VolumeSnapshot{}}
	for i := range 100 {
		vs := hoursAgo(i + 1).Obj()
		vs.UID, vs.ResourceVersion = "uid", fmt.Sprint(i+1)
		q.snapshots[vs.Name] = vs
		all = append(all, vs)
	}
	live := readyAnswers(b, all)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	for _, share := range []float64{0.1, 1} {
		b.Run(fmt.Sprintf("%v recorded", share), func(b *testing.B) {
			exporter, err := otlptracehttp.New(b.Context(), otlptracehttp.WithEndpointURL(collector.URL))
			if err != nil {
				b.Fatal(err)
			}
			provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithSampler(sdktrace.TraceIDRatioBased(share)), sdktrace.WithIDGenerator(tracing.IDs{}))
			defer provider.Shutdown(b.Context()) //nolint:errcheck // what is left is of no use
			var ask [2]func() time.Duration
			for i, tracer := range []*tracing.Tracer{nil, tracing.New(provider, time.Now)} {
				h := webhook.NewHandler(webhook.Readers{Cached: q, Live: live, Mapper: meta.NewDefaultRESTMapper(nil), Catalog: webhook.NewStaticCatalog(all...),
					Backups: webhook.NewStaticBackups(strimziBackup().Annotate(restore, "latest").Obj())}, nil, func() time.Time { return betweenRuns })
				h.Tracer = tracer
				ask[i] = asker(b, h)
			}
			var took [2][]time.Duration
			for first := 0; b.Loop(); first = 1 - first { // the second may find warmer caches
				for _, i := range []int{first, 1 - first} {
					took[i] = append(took[i], ask[i]())
				}
			}
			var p50 [2]float64
			for i := range took {
				slices.Sort(took[i])
				p50[i] = float64(took[i][len(took[i])/2].Nanoseconds())
			}
			b.ReportMetric(p50[0], "off-p50-ns")
			b.ReportMetric(p50[1], "on-p50-ns")
			b.ReportMetric(100*(p50[1]-p50[0])/p50[0], "%more")
		})
	}
}

// asker returns what sends one review to the handler, and measures it.
func asker(b *testing.B, h *webhook.Handler) func() time.Duration {
	b.Helper()
	body, err := json.Marshal(recorded(b, strimziReview))
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewTLSServer(h.Admission())
	b.Cleanup(server.Close)
	client := server.Client()
	ask := func() time.Duration {
		begun := time.Now()
		answer, err := client.Post(server.URL, "application/json", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		content, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close() // nothing was written
		if err != nil || !bytes.Contains(content, []byte(`"allowed":true`)) {
			b.Fatalf("answered %s, %v", content, err)
		}
		return time.Since(begun)
	}
	ask() // connects
	return ask
}
