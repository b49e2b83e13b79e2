package v1alpha1

import "slices"

// Outcome is what the webhook answers to a claim.
type Outcome string

// The webhook's answers.
const (
	OutcomeAllow   Outcome = "allow"   // as it came
	OutcomeRestore Outcome = "restore" // with a snapshot as its dataSource
	OutcomeDeny    Outcome = "deny"    // a person must mend something first
	OutcomeError   Outcome = "error"   // a retry mends it
)

// Reason says why. The values are used word for word in warnings, audit
// annotations, events and docs.
type Reason string

// The reasons: docs/decisions.md tells of each.
const (
	ReasonNotBrokerVolume Reason = "NotBrokerVolume"
	ReasonNotOptedIn      Reason = "NotOptedIn"
	ReasonOptedOut        Reason = "OptedOut"
	ReasonDataSourceSet   Reason = "DataSourceSet"
	ReasonVolumeNameSet   Reason = "VolumeNameSet"
	ReasonSelectorSet     Reason = "SelectorSet"
	ReasonNoSnapshot      Reason = "NoSnapshot"
	ReasonQuorumVolume    Reason = "QuorumVolume"
	ReasonScaledUp        Reason = "ScaledUp"
	ReasonOtherRestore    Reason = "OtherRestore"

	ReasonRestored           Reason = "Restored"
	ReasonWaitingForSnapshot Reason = "WaitingForSnapshot"

	ReasonQuorumUndecided    Reason = "QuorumUndecided"
	ReasonTooSmall           Reason = "TooSmall"
	ReasonTooOld             Reason = "TooOld"
	ReasonOtherCluster       Reason = "OtherCluster"
	ReasonNothingBefore      Reason = "NothingBefore"
	ReasonDuplicateVolume    Reason = "DuplicateVolume"
	ReasonDriverMismatch     Reason = "DriverMismatch"
	ReasonVolumeModeMismatch Reason = "VolumeModeMismatch"
	ReasonInvalidAnnotation  Reason = "InvalidAnnotation"
	ReasonOrphaned           Reason = "Orphaned"
	ReasonUnreadable         Reason = "Unreadable"
	ReasonAmbiguousVolume    Reason = "AmbiguousVolume"

	ReasonInternal Reason = "Internal"
)

// Refusals are the reasons for which a claim is refused.
var Refusals = []Reason{
	ReasonQuorumUndecided, ReasonTooSmall, ReasonTooOld, ReasonOtherCluster, ReasonNothingBefore, ReasonDuplicateVolume, ReasonDriverMismatch, ReasonVolumeModeMismatch, ReasonInvalidAnnotation,
	ReasonOrphaned, ReasonUnreadable, ReasonAmbiguousVolume,
}

// Reasons lists them all.
var Reasons = slices.Concat([]Reason{
	ReasonNotBrokerVolume, ReasonNotOptedIn, ReasonOptedOut, ReasonDataSourceSet, ReasonVolumeNameSet, ReasonSelectorSet, ReasonNoSnapshot, ReasonQuorumVolume, ReasonScaledUp, ReasonOtherRestore,
	ReasonRestored, ReasonWaitingForSnapshot,
}, Refusals, []Reason{ReasonInternal})
