package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/tracing"
)

// lastWords is how long a process that stops may take to send the spans that it still has.
const lastWords = 2 * time.Second

// tracingOn reports whether the environment says where spans go, in OpenTelemetry's own
// variables.
func tracingOn() bool {
	endpoint := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	return endpoint != "" && !strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") && os.Getenv("OTEL_TRACES_EXPORTER") != "none"
}

// newTracer returns the tracer of a process, and what sends its last spans; a nil tracer if
// tracing is off. A mistake in its settings turns tracing off, and nothing else: it must
// not keep claims from being answered.
func newTracer(ctx context.Context, service string) (tracer *tracing.Tracer, stop func()) {
	logger := log.Log.WithName("tracing")
	if !tracingOn() {
		return nil, func() {}
	}
	otel.SetLogger(logr.New(settings{logger})) // before the first setting is read
	otel.SetErrorHandler(&complaints{logger: logger})
	exporter, err := newExporter(ctx)
	if err != nil {
		logger.Error(err, "tracing is off")
		return nil, func() {}
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, batches(logger)...), // its queue is bounded, and drops what does not fit
		sdktrace.WithSampler(sampler(logger)),
		sdktrace.WithIDGenerator(tracing.IDs{}),
		sdktrace.WithRawSpanLimits(limits()),
		sdktrace.WithResource(process(ctx, service, logger)),
	)
	return tracing.New(provider, clock.Now), func() {
		ctx, cancel := context.WithTimeout(context.Background(), lastWords)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			logger.Info("the last spans were not sent", "error", err.Error())
		}
	}
}

// batches are the limits of the queue of spans, as the environment has them. The SDK would take
// any number: without a positive size it panics, and without a delay it never rests.
func batches(logger logr.Logger) []sdktrace.BatchSpanProcessorOption {
	const most = 1_000_000
	number := func(key string, byDefault int) int {
		text := os.Getenv(key)
		if text == "" {
			return byDefault
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > most {
			logger.Error(fmt.Errorf("use a number from 1 to %d", most), "a setting of OpenTelemetry is ignored", "setting", key)
			return byDefault
		}
		return n
	}
	queue := number("OTEL_BSP_MAX_QUEUE_SIZE", sdktrace.DefaultMaxQueueSize)
	return []sdktrace.BatchSpanProcessorOption{
		sdktrace.WithMaxQueueSize(queue),
		sdktrace.WithMaxExportBatchSize(min(number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", sdktrace.DefaultMaxExportBatchSize), queue)),
		sdktrace.WithBatchTimeout(time.Duration(number("OTEL_BSP_SCHEDULE_DELAY", sdktrace.DefaultScheduleDelay)) * time.Millisecond),
		sdktrace.WithExportTimeout(time.Duration(number("OTEL_BSP_EXPORT_TIMEOUT", sdktrace.DefaultExportTimeout)) * time.Millisecond),
	}
}

// maxText is how long the text of an attribute is at most, if the environment does not say. A
// claim is admitted before its name is checked, and may have one of a megabyte.
const maxText = 1024

// limits are the limits of a span.
func limits() sdktrace.SpanLimits {
	l := sdktrace.NewSpanLimits() // of the environment
	if l.AttributeValueLengthLimit < 0 {
		l.AttributeValueLengthLimit = maxText
	}
	return l
}

// newExporter returns the exporter of the protocol that the environment names. It does not
// connect yet.
func newExporter(ctx context.Context) (*otlptrace.Exporter, error) {
	const byDefault = "http/protobuf" // of OpenTelemetry's specification
	switch p := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), byDefault); p {
	case "grpc":
		return otlptracegrpc.New(ctx)
	case byDefault:
		return otlptracehttp.New(ctx)
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: %q is not known, use grpc or http/protobuf", p)
	}
}

// sampler returns the sampler that the environment names; without one all traces are recorded.
// It never asks a parent: a trace has no parent but one of our own, and what decides is the
// trace's id, by which all our processes decide the same.
func sampler(logger logr.Logger) sdktrace.Sampler {
	name, arg := strings.ToLower(os.Getenv("OTEL_TRACES_SAMPLER")), os.Getenv("OTEL_TRACES_SAMPLER_ARG")
	switch strings.TrimPrefix(name, "parentbased_") {
	case "", "always_on":
		return sdktrace.AlwaysSample()
	case "always_off":
		return sdktrace.NeverSample()
	case "traceidratio":
		ratio, err := strconv.ParseFloat(cmp.Or(arg, "1"), 64)
		if err == nil && ratio >= 0 && ratio <= 1 {
			return sdktrace.TraceIDRatioBased(ratio)
		}
	}
	logger.Error(errors.New("use always_on, always_off, or traceidratio with a number from 0 to 1"), "the sampler is not known; all traces are recorded",
		"OTEL_TRACES_SAMPLER", name, "OTEL_TRACES_SAMPLER_ARG", arg)
	return sdktrace.AlwaysSample()
}

// process describes this process. What the environment says goes last, and wins.
func process(ctx context.Context, service string, logger logr.Logger) *resource.Resource {
	host, _ := os.Hostname() // in a pod, the pod's name
	about := []attribute.KeyValue{semconv.ServiceName(service), semconv.ServiceNamespace("snapback"), semconv.ServiceVersion(version), semconv.ServiceInstanceID(host)}
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		about = append(about, semconv.K8SNamespaceName(namespace), semconv.K8SPodName(host))
	}
	r, err := resource.New(ctx, resource.WithAttributes(about...), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil { // of what can be read, it has all
		logger.Error(err, "the environment's description of this process cannot be read")
	}
	return r
}
