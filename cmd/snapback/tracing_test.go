package main

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/tracing"
)

func TestTracingIsOff(t *testing.T) {
	for _, env := range []map[string]string{
		{},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "carrier pigeon"},
	} {
		t.Run("", func(t *testing.T) {
			for key, value := range env {
				t.Setenv(key, value)
			}
			if tracer, _ := newTracer(t.Context(), "test"); tracer != nil {
				t.Errorf("with %v tracing is on", env)
			}
		})
	}
}

// TestSampler is what the environment asks for: the trace's id decides, and no parent.
func TestSampler(t *testing.T) {
	low, high := trace.TraceID{15: 1}, trace.TraceID{8: 0xff, 15: 1}
	parent := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: high, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled, Remote: true}))
	for _, test := range []struct {
		name, arg      string
		low, high, bad bool
	}{
		{"", "", true, true, false},
		{"always_on", "", true, true, false},
		{"always_off", "", false, false, false},
		{"parentbased_always_off", "", false, false, false},
		{"traceidratio", "0.1", true, false, false},
		{"parentbased_traceidratio", "0.1", true, false, false},
		{"traceidratio", "", true, true, false},
		{"traceidratio", "10%", true, true, true},
		{"jaeger_remote", "", true, true, true},
	} {
		t.Setenv("OTEL_TRACES_SAMPLER", test.name)
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", test.arg)
		complained := false
		s := sampler(funcr.New(func(string, string) { complained = true }, funcr.Options{}))
		recorded := func(id trace.TraceID) bool {
			return s.ShouldSample(sdktrace.SamplingParameters{ParentContext: parent, TraceID: id}).Decision == sdktrace.RecordAndSample
		}
		if recorded(low) != test.low || recorded(high) != test.high || complained != test.bad {
			t.Errorf("%s %s: %v, %v, complained: %v", test.name, test.arg, recorded(low), recorded(high), complained)
		}
	}
}

// TestQueueSettings has mistakes in the settings of the queue, of which some make the SDK panic, or
// never rest: the process starts, with the default, and the log names the setting.
func TestQueueSettings(t *testing.T) {
	byDefault := sdktrace.BatchSpanProcessorOptions{BatchTimeout: 5 * time.Second, ExportTimeout: 30 * time.Second, MaxQueueSize: 2048, MaxExportBatchSize: 512}
	small := byDefault
	small.MaxQueueSize, small.MaxExportBatchSize = 100, 100
	for _, test := range []struct {
		key, value string
		want       sdktrace.BatchSpanProcessorOptions
		bad        bool
	}{
		{"OTEL_BSP_MAX_QUEUE_SIZE", "", byDefault, false},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "100", small, false},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "-1", byDefault, true},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "9223372036854775807", byDefault, true},
		{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1", byDefault, true},
		{"OTEL_BSP_SCHEDULE_DELAY", "0", byDefault, true},
		{"OTEL_BSP_EXPORT_TIMEOUT", "30s", byDefault, true},
	} {
		t.Run(test.key+"="+test.value, func(t *testing.T) {
			t.Setenv(test.key, test.value)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			var said strings.Builder
			var got sdktrace.BatchSpanProcessorOptions
			for _, option := range batches(funcr.New(func(_, args string) { said.WriteString(args) }, funcr.Options{})) {
				option(&got)
			}
			if got != test.want || strings.Contains(said.String(), test.key) != test.bad {
				t.Errorf("%+v, said %q", got, said.String())
			}
			tracer, stop := newTracer(t.Context(), "test")
			stop()
			if tracer == nil {
				t.Error("tracing is off")
			}
		})
	}
}

// TestHangingCollector makes spans for a collector that takes connections and never answers:
// whoever makes them goes on, what does not fit is dropped, and the process ends all the same.
func TestHangingCollector(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+cluster.Hanging(t))
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			tracer, stop := newTracer(t.Context(), "test")
			if tracer == nil {
				t.Fatal("tracing is off")
			}
			before := heap()
			for range 20_000 { // 160 MB
				_, span := tracer.Begin(t.Context(), tracing.OfRun("uid", time.Unix(0, 0)), "span", tracing.Reason.String(strings.Repeat("x", 8<<10)))
				span.End(nil)
			}
			if after := heap(); after > before+60<<20 {
				t.Errorf("%d bytes are kept for a collector that hangs", after-before)
			}
			ended := make(chan struct{})
			go func() { stop(); close(ended) }()
			select {
			case <-ended:
			case <-time.After(10 * lastWords):
				t.Error("the process waits for the collector")
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestComplaints are few: a collector may be away for days.
func TestComplaints(t *testing.T) {
	said := 0
	c := &complaints{logger: logr.New(funcr.New(func(string, string) { said++ }, funcr.Options{}).GetSink())}
	for range 100 {
		c.Handle(errors.New("connection refused"))
	}
	if said != 1 {
		t.Errorf("said %d times", said)
	}
}

// TestSecretsAreNotLogged has mistakes in settings that hold secrets, and a collector that
// quotes a header: the log says what is wrong, and no secret.
func TestSecretsAreNotLogged(t *testing.T) {
	const secret = "s3cr3t"
	var said strings.Builder
	logger := funcr.New(func(_, args string) { said.WriteString(args + "\n") }, funcr.Options{})
	defer otel.SetLogger(logr.Discard())
	for _, env := range []map[string]string{
		{"OTEL_EXPORTER_OTLP_HEADERS": secret},
		{"OTEL_EXPORTER_OTLP_HEADERS": "authorization=" + secret + "%zz"},
		{"OTEL_EXPORTER_OTLP_HEADERS": "Bearer " + secret + "=="},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:" + secret + "@ho st"},
	} {
		for _, protocol := range []string{"grpc", "http/protobuf"} {
			for key, value := range env {
				t.Setenv(key, value)
			}
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			said.Reset()
			otel.SetLogger(logr.New(settings{logger}))
			if _, err := newExporter(t.Context()); err != nil {
				said.WriteString(err.Error())
			}
			if said.Len() == 0 || strings.Contains(said.String(), secret) {
				t.Errorf("%s with %v: %s", protocol, env, said.String())
			}
		}
		for key := range env {
			t.Setenv(key, "")
		}
	}
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "tenant=,authorization=Bearer%20"+secret)
	said.Reset()
	(&complaints{logger: logger}).Handle(errors.New("401 Unauthorized: no such token: " + secret + strings.Repeat(" <br>", 10_000)))
	if got := said.String(); !strings.Contains(got, "no such token: …") || strings.Contains(got, secret) || len(got) > 2*maxComplaint {
		t.Errorf("said %d bytes: %.200s", len(got), got)
	}
}

// TestLongTexts has a claim with a name of a megabyte, which nobody has checked yet when it is
// admitted.
func TestLongTexts(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	long := strings.Repeat("x", 1<<20)
	record := func() int {
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans), sdktrace.WithRawSpanLimits(limits()))
		_, span := tracing.New(provider, time.Now).Begin(t.Context(), tracing.OfRun("uid", time.Unix(0, 0)), "span", tracing.Claim(long))
		span.End(errors.New(long))
		last := spans.GetSpans()[len(spans.GetSpans())-1]
		return len(last.Attributes[0].Value.AsString()) + len(last.Status.Description)
	}
	if got := record(); got > 4<<10 {
		t.Errorf("a span has %d bytes", got)
	}
	t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "10")
	if got := record(); got != 10+1024 {
		t.Errorf("with a limit of 10 it has %d bytes", got)
	}
}
