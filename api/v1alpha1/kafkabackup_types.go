package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// KafkaBackupSpec says which Kafka cluster to back up, when, and for how long.
//
// Durations are strings in Go's format, so that one malformed object can
// never keep the others from being read.
type KafkaBackupSpec struct {
	// ClusterRef is the name of the Kafka cluster whose broker volumes are
	// snapshotted: the KafkaCluster (Koperator), the Kafka (Strimzi), or for
	// StatefulSets the label app.kubernetes.io/instance, else app.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClusterRef string `json:"clusterRef"`

	// Schedule is a 5-field cron expression, one of @hourly, @daily, @weekly,
	// @monthly and @yearly, or "@every <duration>" counted from the creation
	// of the KafkaBackup.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.matches('^ *[^ ]+( +[^ ]+){4} *$')",message="must have 5 fields (minute hour day-of-month month day-of-week), or be @hourly, @daily, @weekly, @monthly, @yearly or \"@every <duration>\""
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.matches('^ *[-0-9*/,?]+ +[-0-9*/,?]+ +[-0-9*/,?]+ +[-0-9A-Za-z*/,?]+ +[-0-9A-Za-z*/,?]+ *$')",message="a cron field holds numbers, names, and the signs * / , - ?"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('@') || self.startsWith('@every ') || self in ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually']",message="unknown descriptor: use @hourly, @daily, @weekly, @monthly, @yearly or \"@every <duration>\""
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('@every ') || (self.matches('^@every +([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self.substring(7).trim()) >= duration('1s'))",message="@every needs a duration of at least one second, for example \"@every 1h\""
	Schedule string `json:"schedule"`

	// TimeZone is the IANA name of the zone in which a cron schedule is read,
	// for example Europe/Budapest. Default UTC.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == '' || (self != 'Local' && self.matches('^[A-Za-z]') && timestamp('2000-01-01T12:00:00Z').getHours(self) >= 0)",message="must be an IANA time zone name, for example Europe/Budapest"
	TimeZone string `json:"timeZone,omitempty"`

	// Jitter is the length of the window over which the runs of many KafkaBackups
	// with one schedule are spread, as a Go duration. All times of this
	// KafkaBackup are later by an offset that is shorter than it, and always the
	// same one: it follows from the UID. Default 0.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self == '' || self == '0' || (self.matches('^([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))+$') && duration(self) >= duration('0s'))",message="must be a duration such as \"10m\" or \"90s\" (units ns, us, ms, s, m, h)"
	Jitter string `json:"jitter,omitempty"`

	// RetentionTime is how long a snapshot is kept, counted from its scheduled
	// time, as a Go duration such as "12h" or "2h45m". Without it, and without
	// retentionCount, snapshots are kept for ever. The newest two ready
	// snapshots of a volume are never pruned.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self == '' || (self.matches('^([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))+$') && duration(self) > duration('0s'))",message="must be a positive duration such as \"12h\" or \"2h45m\" (units ns, us, ms, s, m, h)"
	RetentionTime string `json:"retentionTime,omitempty"`

	// RetentionCount is how many ready snapshots of each volume are kept. With
	// retentionTime, a snapshot is pruned when it exceeds either of the two.
	// +optional
	// +kubebuilder:validation:Minimum=2
	RetentionCount *int32 `json:"retentionCount,omitempty"`

	// StartingDeadlineSeconds is how late a missed run may still be started.
	// Without it the latest missed run is always made up, once.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31622400
	StartingDeadlineSeconds *int64 `json:"startingDeadlineSeconds,omitempty"`

	// VolumeSnapshotClassName is the VolumeSnapshotClass that snapshots are
	// taken with. Its driver must be the driver of the brokers' volumes.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	VolumeSnapshotClassName string `json:"volumeSnapshotClassName"`

	// Suspend stops new runs. A run that has started goes on, and existing
	// snapshots stay restorable.
	// +optional
	// +kubebuilder:default=false
	Suspend bool `json:"suspend,omitempty"`

	// PromoteAfter is the age at which the data of a volume that was provisioned
	// empty counts as good, as a Go duration. Default 24h.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self == '' || (self.matches('^([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))+$') && duration(self) > duration('0s'))",message="must be a positive duration such as \"24h\" (units ns, us, ms, s, m, h)"
	PromoteAfter string `json:"promoteAfter,omitempty"`

	// ExcludeQuorum leaves the volumes of KRaft controllers and of ZooKeeper
	// out of the runs. By default they are snapshotted after the brokers'. The
	// volumes of combined nodes hold topics and are always snapshotted.
	// +optional
	ExcludeQuorum bool `json:"excludeQuorum,omitempty"`

	// VolumeSelector selects the PVCs of the cluster by their labels. It is for
	// PVCs whose names and labels are of no operator that Snapback knows. Such
	// PVCs reach the webhook only in a namespace labelled
	// snapback.dev/intercept: "true".
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['Exists', 'DoesNotExist'] ? !has(e.values) || e.values.size() == 0 : e.operator in ['In', 'NotIn'] && has(e.values) && e.values.size() > 0)",message="an operator is In or NotIn with values, or Exists or DoesNotExist without"
	VolumeSelector *metav1.LabelSelector `json:"volumeSelector,omitempty"`

	// Kafka says how the running Kafka cluster is asked what Kubernetes does not
	// know: which replicas are in sync, and what would be lost. It may be empty.
	// Without it Kafka is not asked.
	// +optional
	Kafka *KafkaAccess `json:"kafka,omitempty"`

	// Drill asks for restore drills: snapshots are restored aside and read, to prove
	// that a broker could start on them. It needs the component "drills" of the
	// installation. Without it there are none.
	// +optional
	Drill *DrillSpec `json:"drill,omitempty"`
}

// KafkaBackupStatus is the state that the scheduler last saw.
type KafkaBackupStatus struct {
	// ObservedGeneration is the generation of the spec that the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions holds Ready: whether the schedule is in force and the last
	// run succeeded, with what to change if not; and RestoresVerified: whether
	// the cluster's claims got the data that they should have.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// LastScheduleTime is the scheduled time of the last run that was started.
	// +optional
	LastScheduleTime *metav1.Time `json:"lastScheduleTime,omitempty"`

	// LastSuccessfulTime is the scheduled time of the last run whose snapshots
	// all became ready, or since which each volume has a ready snapshot.
	// +optional
	LastSuccessfulTime *metav1.Time `json:"lastSuccessfulTime,omitempty"`

	// NextScheduleTime is when the next run is due; absent while suspended.
	// +optional
	NextScheduleTime *metav1.Time `json:"nextScheduleTime,omitempty"`

	// LastRunNow is the last value of the annotation snapback.dev/run-now for
	// which a run was made.
	// +optional
	LastRunNow *metav1.Time `json:"lastRunNow,omitempty"`

	// LastRun describes the last run.
	// +optional
	LastRun *RunStatus `json:"lastRun,omitempty"`

	// MissedRuns counts the times at which no run was started within
	// startingDeadlineSeconds.
	// +optional
	MissedRuns int64 `json:"missedRuns,omitempty"`

	// Snapshots is the number of VolumeSnapshots of this KafkaBackup.
	// +optional
	Snapshots int32 `json:"snapshots,omitempty"`

	// RestoreSize is the sum of the sizes that volumes restored from each of these
	// snapshots would have, as far as they are known. Few storage systems report
	// what a snapshot itself takes: this is the most that they can hold.
	// +optional
	RestoreSize *resource.Quantity `json:"restoreSize,omitempty"`

	// Volumes is the number of broker volumes that the cluster has now, without
	// those that excludeQuorum leaves out.
	// +optional
	Volumes int32 `json:"volumes,omitempty"`

	// OrphanedVolumes is the number of volumes that have snapshots, but had no
	// claim in the last run and have none now: of brokers that were scaled
	// down, or are lost. Their newest snapshots stay restorable until somebody
	// deletes them.
	// +optional
	OrphanedVolumes int32 `json:"orphanedVolumes,omitempty"`

	// Orphaned are the first of the orphaned volumes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Orphaned []OrphanedVolume `json:"orphaned,omitempty"`

	// Restores are the last restores of the cluster's volumes, the newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Restores []RestoreStatus `json:"restores,omitempty"`

	// Kafka is what the running Kafka cluster said; absent without spec.kafka, and
	// until it has answered.
	// +optional
	Kafka *KafkaStatus `json:"kafka,omitempty"`

	// Drills are the reports of the last restore drills, the newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Drills []DrillReport `json:"drills,omitempty"`
}

// OrphanedVolume is a volume of which only snapshots are left.
type OrphanedVolume struct {
	// Volume is the slot: which volume of the cluster it was.
	Volume string `json:"volume"`

	// NewestSnapshot is the name of its newest VolumeSnapshot.
	NewestSnapshot string `json:"newestSnapshot"`

	// ScheduledTime is the scheduled time of that snapshot.
	ScheduledTime metav1.Time `json:"scheduledTime"`
}

// RestoreStatus describes one restore of a broker volume.
type RestoreStatus struct {
	// PersistentVolumeClaim is the name of the claim that was restored.
	PersistentVolumeClaim string `json:"persistentVolumeClaim"`

	// VolumeSnapshot is the name of the snapshot that it was restored from.
	VolumeSnapshot string `json:"volumeSnapshot"`

	// ScheduledTime is the scheduled time of the snapshot; absent if the
	// claim's creator chose the snapshot.
	// +optional
	ScheduledTime *metav1.Time `json:"scheduledTime,omitempty"`

	// RequestedTime is when the claim was created.
	RequestedTime metav1.Time `json:"requestedTime"`

	// BoundTime is when the claim was first seen bound to the volume that was
	// made for it; absent while it is not.
	// +optional
	BoundTime *metav1.Time `json:"boundTime,omitempty"`

	// Kafka says what Kafka has made of the restore. It needs spec.kafka.
	// +optional
	Kafka *RestoreReport `json:"kafka,omitempty"`
}

// RunStatus describes one run: one snapshot of each broker volume.
type RunStatus struct {
	// ScheduledTime is the time the run was due, which all its snapshots carry.
	ScheduledTime metav1.Time `json:"scheduledTime"`

	// CompletionTime is when the last of its snapshots was seen ready.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// Volumes is the number of broker volumes the run was for.
	Volumes int32 `json:"volumes"`

	// Ready is the number of its snapshots that are ready.
	Ready int32 `json:"ready"`

	// Failed is the number of volumes of which no snapshot could be created.
	Failed int32 `json:"failed"`

	// Skipped is the number of volumes that could not be snapshotted at the
	// time: not bound yet, being deleted, or with a snapshot still unfinished.
	// +optional
	Skipped int32 `json:"skipped,omitempty"`

	// FailedVolumes are the first volumes of which no snapshot could be created.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	FailedVolumes []VolumeProblem `json:"failedVolumes,omitempty"`

	// SkippedVolumes are the first volumes that could not be snapshotted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	SkippedVolumes []VolumeProblem `json:"skippedVolumes,omitempty"`

	// Skew is the time between the first and the last cut of the run, as a Go
	// duration, by the storage system's clock.
	// +optional
	Skew string `json:"skew,omitempty"`
}

// VolumeProblem says why a run has no snapshot of a volume.
type VolumeProblem struct {
	// PersistentVolumeClaim is the name of the volume's claim.
	PersistentVolumeClaim string `json:"persistentVolumeClaim"`

	// Reason says why: the first 256 bytes of the text.
	Reason string `json:"reason"`
}

// KafkaBackup schedules snapshots of every broker volume of a Kafka cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=kbak
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.spec.clusterRef`
// +kubebuilder:printcolumn:name="Schedule",type=string,JSONPath=`.spec.schedule`
// +kubebuilder:printcolumn:name="Suspended",type=boolean,JSONPath=`.spec.suspend`
// +kubebuilder:printcolumn:name="Last success",type=date,JSONPath=`.status.lastSuccessfulTime`
// +kubebuilder:printcolumn:name="Next run",type=string,JSONPath=`.status.nextScheduleTime`
// +kubebuilder:printcolumn:name="Volumes",type=integer,JSONPath=`.status.volumes`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type KafkaBackup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec KafkaBackupSpec `json:"spec"`
	// +optional
	Status KafkaBackupStatus `json:"status,omitempty"`
}

// KafkaBackupList is a list of KafkaBackups.
//
// +kubebuilder:object:root=true
type KafkaBackupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KafkaBackup `json:"items"`
}
