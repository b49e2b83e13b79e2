package snapshots

import "slices"

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
	ScaledUp        Reason = "ScaledUp"
	OtherRestore    Reason = "OtherRestore"

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
	Orphaned           Reason = "Orphaned"
	Unreadable         Reason = "Unreadable"
	AmbiguousVolume    Reason = "AmbiguousVolume"

	Internal Reason = "Internal"
)

// Refusals are the reasons for which a claim is refused.
var Refusals = []Reason{
	QuorumUndecided, TooSmall, TooOld, OtherCluster, NothingBefore, DuplicateVolume, DriverMismatch, VolumeModeMismatch, InvalidAnnotation,
	Orphaned, Unreadable, AmbiguousVolume,
}

// Reasons lists them all.
var Reasons = slices.Concat([]Reason{
	NotBrokerVolume, NotOptedIn, OptedOut, DataSourceSet, VolumeNameSet, SelectorSet, NoSnapshot, QuorumVolume, ScaledUp, OtherRestore,
	Restored, WaitingForSnapshot,
}, Refusals, []Reason{Internal})
