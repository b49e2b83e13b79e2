package tracing

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

// Names of spans. docs/tracing.md has their table.
const (
	SpanAdmission = "admission" // the root of a restore, or of a claim that is refused
	SpanDecide    = "decide"
	SpanProvision = "provision" // the claim waits for its volume
	SpanPodStart  = "start pod"
	SpanInSync    = "get in sync" // the broker, with Kafka's leaders

	SpanRun     = "run"        // the root of a run
	SpanAttempt = "create all" // one leader's try
	SpanWait    = "wait for turn"
	SpanAsk     = "ask kafka"
	SpanPlan    = "plan"
	SpanCreate  = "create snapshot"
	SpanAwait   = "wait for brokers' cuts"
	SpanCut     = "cut snapshot"
	SpanReady   = "get ready"
	SpanPrune   = "prune"
)

// The attributes that are Snapback's own. The others are of OpenTelemetry's semantic
// conventions.
const (
	Outcome   = attribute.Key("snapback.outcome")
	Reason    = attribute.Key("snapback.reason")
	Snapshot  = attribute.Key("snapback.snapshot")
	RequestID = attribute.Key("snapback.request.uid")
	Backup    = attribute.Key("snapback.kafkabackup")
	Cluster   = attribute.Key("snapback.cluster")
	Scheduled = attribute.Key("snapback.run.scheduled")

	Volumes = attribute.Key("snapback.run.volumes")
	Created = attribute.Key("snapback.run.created")
	Skipped = attribute.Key("snapback.run.skipped")
	Failed  = attribute.Key("snapback.run.failed")
	Ready   = attribute.Key("snapback.run.ready")
	Untold  = attribute.Key("snapback.run.spans.omitted")
	Pruned  = attribute.Key("snapback.pruned")
	Left    = attribute.Key("snapback.contents.left")

	Broker      = attribute.Key("snapback.broker")
	Partitions  = attribute.Key("snapback.partitions")
	RecordsGone = attribute.Key("snapback.records.gone")
)

// Attributes of OpenTelemetry's semantic conventions.
var (
	Namespace = semconv.K8SNamespaceName
	Claim     = semconv.K8SPersistentvolumeclaimName
	ClaimUID  = semconv.K8SPersistentvolumeclaimUID
	Volume    = semconv.K8SPersistentvolumeName
	Pod       = semconv.K8SPodName
)

// At is a time as an attribute.
func At(key attribute.Key, t time.Time) attribute.KeyValue {
	return key.String(t.UTC().Format(time.RFC3339))
}
