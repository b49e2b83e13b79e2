package snapshots

// Outcome is what the webhook answers to a claim.
type Outcome string

const (
	Allow   Outcome = "allow"   // as it came
	Restore Outcome = "restore" // with a snapshot as its dataSource
	Deny    Outcome = "deny"    // a person must mend something first
	Error   Outcome = "error"   // a retry mends it
)

// Reason says why. The values are used word for word in warnings, audit
// annotations, events and docs.
type Reason string

const (
	NotBrokerVolume Reason = "NotBrokerVolume"
	NotOptedIn      Reason = "NotOptedIn"
	OptedOut        Reason = "OptedOut"
	DataSourceSet   Reason = "DataSourceSet"
	VolumeNameSet   Reason = "VolumeNameSet"
	SelectorSet     Reason = "SelectorSet"
	NoSnapshot      Reason = "NoSnapshot"
	QuorumVolume    Reason = "QuorumVolume"

	Restored           Reason = "Restored"
	WaitingForSnapshot Reason = "WaitingForSnapshot"

	QuorumUndecided    Reason = "QuorumUndecided"
	TooSmall           Reason = "TooSmall"
	TooOld             Reason = "TooOld"
	OtherCluster       Reason = "OtherCluster"
	NothingBefore      Reason = "NothingBefore"
	DuplicateVolume    Reason = "DuplicateVolume"
	DriverMismatch     Reason = "DriverMismatch"
	VolumeModeMismatch Reason = "VolumeModeMismatch"
	InvalidAnnotation  Reason = "InvalidAnnotation"

	Internal Reason = "Internal"
)

// Reasons lists them all.
var Reasons = []Reason{
	NotBrokerVolume, NotOptedIn, OptedOut, DataSourceSet, VolumeNameSet, SelectorSet, NoSnapshot, QuorumVolume,
	Restored, WaitingForSnapshot,
	QuorumUndecided, TooSmall, TooOld, OtherCluster, NothingBefore, DuplicateVolume, DriverMismatch, VolumeModeMismatch, InvalidAnnotation,
	Internal,
}
