package snapshots

// Domain is the prefix of every label and annotation that Snapback owns.
const Domain = "snapback.dev/"

// Labels of a VolumeSnapshot that Snapback made. Values are label-safe: see
// [LabelValue].
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "snapback"

	LabelCluster = Domain + "cluster" // name of the Kafka cluster
	LabelVolume  = Domain + "volume"  // hash of the volume's key, see [Volume.Hash]
	LabelBackup  = Domain + "backup"  // name of the KafkaBackup
	LabelRun     = Domain + "run"     // scheduled time of the run, see [FormatRun]
	LabelClaim   = Domain + "claim"   // name of the claim that it was taken of
)

// LabelIntercept on a namespace: "true" sends also the claims that only a
// volumeSelector knows to the webhook, "off" takes the namespace out of it.
const LabelIntercept = Domain + "intercept"

// Annotations of a VolumeSnapshot that Snapback made: what must be known when
// the claim it was taken from is gone.
const (
	AnnotationSlot             = Domain + "slot"
	AnnotationClusterName      = Domain + "cluster-name"
	AnnotationBackupName       = Domain + "backup-name"
	AnnotationBroker           = Domain + "broker"
	AnnotationRole             = Domain + "role"
	AnnotationScheduledTime    = Domain + "scheduled-time" // RFC 3339, UTC
	AnnotationSourcePVC        = Domain + "source-pvc"
	AnnotationSourcePVCUID     = Domain + "source-pvc-uid"
	AnnotationSourcePV         = Domain + "source-pv"
	AnnotationVolumeHandle     = Domain + "volume-handle"
	AnnotationDriver           = Domain + "driver"
	AnnotationCapacity         = Domain + "capacity" // of the volume, a Kubernetes quantity
	AnnotationStorageClassName = Domain + "storage-class"
	AnnotationVolumeMode       = Domain + "volume-mode"
	AnnotationClusterUID       = Domain + "cluster-uid"      // of the operator's custom resource
	AnnotationKafkaClusterID   = Domain + "kafka-cluster-id" // Kafka's own cluster.id
)

// AnnotationHold on a VolumeSnapshot keeps it from being pruned. Its value is
// the reason, for people.
const AnnotationHold = Domain + "hold"

// AnnotationRestoring on a VolumeSnapshot says that "kubectl snapback restore"
// has begun to restore it, and what of.
const AnnotationRestoring = Domain + "restoring"

// AnnotationRetained on a VolumeSnapshotContent says that its deletionPolicy is
// Retain, but for its snapshot being pruned; since when, RFC 3339.
const AnnotationRetained = Domain + "retained"

// AnnotationFreeze on a KafkaBackup stops all pruning. Its value is the reason.
const AnnotationFreeze = Domain + "freeze"

// AnnotationRunNow on a KafkaBackup asks for one run at once, of the time that
// is its value, RFC 3339.
const AnnotationRunNow = Domain + "run-now"

// Annotations that the webhook leaves on a restored PVC: where its data is
// from.
const (
	AnnotationRestoredFrom = Domain + "restored-from" // name of the VolumeSnapshot
	AnnotationRestoredTime = Domain + "restored-time" // its scheduled time, RFC 3339
	AnnotationRestoredBy   = Domain + "restored-by"   // the pin that chose it, restore-next or restore-before; absent: it was the newest good one
)
