package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DrillSpec asks for restore drills. At each time of the schedule the newest good
// snapshot of one volume, each in its turn, is restored aside, read as Kafka would
// read it, and the copy is deleted.
type DrillSpec struct {
	// Schedule is when drills are due: as spec.schedule, in spec.timeZone. Each
	// volume has its turn, so that a cluster with 10 volumes and "@daily" has
	// proven each of them in 10 days.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.matches('^ *[^ ]+( +[^ ]+){4} *$')",message="must have 5 fields (minute hour day-of-month month day-of-week), or be @hourly, @daily, @weekly, @monthly, @yearly or \"@every <duration>\""
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.matches('^ *[-0-9*/,?]+ +[-0-9*/,?]+ +[-0-9*/,?]+ +[-0-9A-Za-z*/,?]+ +[-0-9A-Za-z*/,?]+ *$')",message="a cron field holds numbers, names, and the signs * / , - ?"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('@') || self.startsWith('@every ') || self in ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually']",message="unknown descriptor: use @hourly, @daily, @weekly, @monthly, @yearly or \"@every <duration>\""
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('@every ') || (self.matches('^@every +([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self.substring(7).trim()) >= duration('1s'))",message="@every needs a duration of at least one second, for example \"@every 24h\""
	Schedule string `json:"schedule"`

	// Timeout is how long one drill may take, from the creation of its claim to
	// the end of its pod, as a Go duration. Default 1h.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self == '' || (self.matches('^([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))+$') && duration(self) >= duration('10s'))",message="must be a duration of at least 10s, such as \"30m\" (units ns, us, ms, s, m, h)"
	Timeout string `json:"timeout,omitempty"`

	// SecurityContext is the user that may read the log dirs. Without it, it is the
	// one of the pod that mounts the volume's claim, if that pod's spec says it,
	// else the one of Snapback's image.
	// +optional
	SecurityContext *DrillSecurityContext `json:"securityContext,omitempty"`
}

// DrillSecurityContext is the user and the groups of a drill's pod. The pod is
// never root, and always of Kubernetes' restricted level.
type DrillSecurityContext struct {
	// RunAsUser is the user id that owns the log dirs.
	// +optional
	// +kubebuilder:validation:Minimum=1
	RunAsUser *int64 `json:"runAsUser,omitempty"`

	// RunAsGroup is the primary group id.
	// +optional
	// +kubebuilder:validation:Minimum=0
	RunAsGroup *int64 `json:"runAsGroup,omitempty"`

	// FSGroup is the group id that owns the volume.
	// +optional
	// +kubebuilder:validation:Minimum=0
	FSGroup *int64 `json:"fsGroup,omitempty"`

	// SupplementalGroups are further group ids.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	SupplementalGroups []int64 `json:"supplementalGroups,omitempty"`
}

// DrillResult is how a drill ended.
type DrillResult string

// The results of drills.
const (
	DrillSound   DrillResult = "Sound"   // Kafka would start on the restored volume, and nothing is damaged
	DrillDamaged DrillResult = "Damaged" // the restored volume is damaged, or Kafka would not start on it
	DrillFailed  DrillResult = "Failed"  // nobody knows: the drill could not be brought to its end
)

// MaxDrills is how many reports a status lists.
const MaxDrills = 20

// DrillReport says what one drill restored, in which time, and what it found.
type DrillReport struct {
	// Result is Sound, Damaged or Failed.
	Result DrillResult `json:"result"`

	// Volume is the slot: which volume of the cluster was restored.
	Volume string `json:"volume"`

	// Broker is the node that the volume is of.
	Broker string `json:"broker"`

	// VolumeSnapshot is the name of the snapshot that it was restored from.
	VolumeSnapshot string `json:"volumeSnapshot"`

	// RunTime is the scheduled time of the run that took the snapshot.
	RunTime metav1.Time `json:"runTime"`

	// DueTime is the time of the drills' schedule that the drill is for. A drill
	// that follows a damaged snapshot at once has the time of the one before it.
	DueTime metav1.Time `json:"dueTime"`

	// StartedTime is when the drill's claim was created.
	StartedTime metav1.Time `json:"startedTime"`

	// BoundTime is when the claim was seen bound to its volume.
	// +optional
	BoundTime *metav1.Time `json:"boundTime,omitempty"`

	// MountedTime is when the pod started to read the volume. From StartedTime on
	// this is the measured time of a restore.
	// +optional
	MountedTime *metav1.Time `json:"mountedTime,omitempty"`

	// FinishedTime is when the drill had ended.
	FinishedTime metav1.Time `json:"finishedTime"`

	// Partitions is the number of partition replicas that were read.
	// +optional
	Partitions int32 `json:"partitions,omitempty"`

	// Records is the number of records that were read.
	// +optional
	Records int64 `json:"records,omitempty"`

	// Bytes is the size of the segments that were read.
	// +optional
	Bytes int64 `json:"bytes,omitempty"`

	// Message says what is damaged, or why the drill failed: the first 512 bytes.
	// +optional
	Message string `json:"message,omitempty"`
}
