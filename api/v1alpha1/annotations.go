package v1alpha1

// Domain is the prefix of every label and annotation that Snapback owns.
const Domain = "snapback.dev/"

// Annotations by which people control restores. They can be on a PVC, on the
// KafkaBackups of its cluster, on its namespace, or on a VolumeSnapshot of it.
const (
	AnnotationRestore             = Domain + "restore"               // latest, off
	AnnotationRestoreBefore       = Domain + "restore-before"        // RFC 3339
	AnnotationRestoreMaxAge       = Domain + "restore-max-age"       // Go duration
	AnnotationRestoreOrphanAge    = Domain + "restore-orphan-age"    // Go duration; default a week
	AnnotationRestoreUnusable     = Domain + "restore-unusable"      // deny (default), empty
	AnnotationRestoreQuorum       = Domain + "restore-quorum"        // "true", empty
	AnnotationRestoreOtherCluster = Domain + "restore-other-cluster" // "true"
)

// Values of annotations and labels.
const (
	ValueLatest = "latest"
	ValueOff    = "off"
	ValueDeny   = "deny"
	ValueEmpty  = "empty"
	ValueTrue   = "true"
	ValueFalse  = "false"
)

// AnnotationPromote on a PVC says that the data of its volume is good, although the
// volume was provisioned empty.
const AnnotationPromote = Domain + "promote" // "true"

// Annotations that the webhook sets on a restored PVC. They say where its data is
// from.
const (
	AnnotationRestoredFrom = Domain + "restored-from" // name of the VolumeSnapshot
	AnnotationRestoredTime = Domain + "restored-time" // its scheduled time, RFC 3339
	AnnotationRestoredBy   = Domain + "restored-by"   // the pin that chose it, restore-next or restore-before; absent: it was the newest good snapshot
)

// AnnotationTraceparent on a restored PVC is the trace of its restore, as a traceparent of
// W3C Trace Context. The webhook sets it if that trace is recorded.
const AnnotationTraceparent = Domain + "traceparent"

// AnnotationCallersTraceparent on an object is the trace of who has created it, if that
// is one that says so (KEP-5915).
const AnnotationCallersTraceparent = "tracing.k8s.io/traceparent"

// Annotations on a KafkaBackup.
const (
	// AnnotationFreeze stops all pruning. Its value is the reason.
	AnnotationFreeze = Domain + "freeze"

	// AnnotationRunNow asks for one run at once. Its value is the run's scheduled
	// time, RFC 3339.
	AnnotationRunNow = Domain + "run-now"

	// AnnotationStatus on a ConfigMap that holds a KafkaBackup is the status of that,
	// as YAML.
	AnnotationStatus = Domain + "status"
)

// AnnotationMaxInFlight on a VolumeSnapshotClass is how many of its snapshots may be
// under way at the storage at once: a whole number.
const AnnotationMaxInFlight = Domain + "max-in-flight"

// Annotations of a VolumeSnapshot that Snapback made: the facts that a restore needs
// when the claim that it was taken from is gone.
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
	AnnotationLineage          = Domain + "lineage"          // one life of the volume's data
	AnnotationProven           = Domain + "proven"           // "true" or "false": whether the lineage is known to hold the volume's data
)

// Annotations of a VolumeSnapshot that say what Kafka's leaders had of its log dir.
// They are long, and only the newest snapshots of a volume keep them.
const (
	AnnotationKafkaObserved     = Domain + "kafka-observed"      // just before it was taken
	AnnotationKafkaLastObserved = Domain + "kafka-last-observed" // when its volume was last seen before it was lost
)

// Annotations of a VolumeSnapshot that say what restore drills found. Their values
// are each a [DrillReport] as JSON.
const (
	AnnotationVerified    = Domain + "verified"     // the last drill that ended with a verdict: Sound or Damaged
	AnnotationDrillFailed = Domain + "drill-failed" // the last drill, if it came to no verdict; a verdict removes it
)

// AnnotationDrillDue on the claim of a drill is the time that the drill is for, RFC
// 3339.
const AnnotationDrillDue = Domain + "drill-due"

// Annotations of a VolumeSnapshot that was imported from another Kubernetes
// cluster.
const (
	AnnotationImported = Domain + "imported" // "true"
	AnnotationCutTime  = Domain + "cut-time" // when it was cut, RFC 3339; Kubernetes takes the time of the import for that
)

// Marks on a VolumeSnapshot that exclude it from the selection.
const (
	AnnotationPruning   = Domain + "pruning"   // it is about to be deleted; since when, RFC 3339
	AnnotationAbandoned = Domain + "abandoned" // a restore from an older one has left it aside
)

// Pins that people put on a VolumeSnapshot.
const (
	AnnotationRestoreNext     = Domain + "restore-next"      // "true": claims of its volume get this one
	AnnotationStartEmptyUntil = Domain + "start-empty-until" // RFC 3339: until then a claim of its volume starts empty
)

const (
	// AnnotationHold on a VolumeSnapshot protects it from pruning. Its value is the
	// reason, for people.
	AnnotationHold = Domain + "hold"

	// AnnotationAdopt on a VolumeSnapshot that Snapback did not make allows the claim
	// with the name of its source to be restored from it, as long as Snapback has no
	// snapshot of its own of that volume. Such a VolumeSnapshot is never pruned.
	AnnotationAdopt = Domain + "adopt" // "true"

	// AnnotationRetained on a VolumeSnapshotContent says that Snapback has changed its
	// deletionPolicy from Retain, because its snapshot is being pruned. Its value is
	// the time of the change, RFC 3339.
	AnnotationRetained = Domain + "retained"
)

// Annotations that "kubectl snapback restore" sets in the cluster while it runs, so
// that an interrupted restore can be continued.
const (
	// AnnotationRestoring on a VolumeSnapshot is the restore that it is part of, and
	// the UID of the claim that is replaced, with a space between; "lost" in place of
	// the UID if there was no claim.
	AnnotationRestoring = Domain + "restoring"

	// AnnotationRestoreReplicas on a StatefulSet or Deployment that was scaled to 0
	// is how many replicas it had.
	AnnotationRestoreReplicas = Domain + "restore-replicas"

	// AnnotationRetainedBy on a PersistentVolume that was set to Retain is the Kafka
	// cluster, and the restore that has replaced its claim, with a space between.
	AnnotationRetainedBy = Domain + "retained-by"

	// AnnotationRestorePaused on a Kafka is "true" if the restore has paused its
	// reconciliation.
	AnnotationRestorePaused = Domain + "restore-paused"
)
