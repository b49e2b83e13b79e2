package scheduler

import "github.com/snapback-dev/snapback/snapshots"

// Conditions of a KafkaBackup. All but the first two are there only while there
// is something to say: what a person would else have to find out, or decide,
// when a broker is lost.
const (
	conditionReady           = "Ready"
	conditionVerified        = "RestoresVerified"
	conditionNotIntercepted  = "NotIntercepted"
	conditionQuorumUndecided = string(snapshots.QuorumUndecided)
	conditionTooSmall        = string(snapshots.TooSmall)
	conditionUnproven        = "UnprovenLineage" // until the volume that came back empty is promoted
	conditionUnreadable      = "SnapshotUnreadable"
	conditionPaused          = "Paused"     // True after a day: suspended or frozen, and maybe forgotten
	conditionPin             = "PinInForce" // True after a day: a forgotten pin sends the next lost broker back in time
)

// Reasons of the conditions.
const (
	reasonScheduled         = "Scheduled"
	reasonSuspended         = "Suspended"
	reasonInvalidSpec       = "InvalidSpec"
	reasonInvalidAnnotation = string(snapshots.InvalidAnnotation)
	reasonNoClass           = "VolumeSnapshotClassNotFound"
	reasonNoSnapshotAPI     = "SnapshotAPINotFound"
	reasonNoVolumes         = "NoVolumes"
	reasonSnapshotFailed    = "SnapshotFailed"
	reasonRunFailed         = "RunFailed"
	reasonVolumeStuck       = "VolumeStuck" // three runs have no snapshot of a volume
	reasonShadowed          = "Shadowed"    // of a ConfigMap only

	reasonVerified     = "Verified"
	findingNotHonoured = "RestoreNotHonoured" // bound to a volume that was there already
	findingStuck       = "RestoreStuck"       // not filled for long
	findingNotRestored = "NotRestored"        // provisioned empty beside good snapshots
	findingDuplicate   = string(snapshots.DuplicateVolume)

	reasonNoEntryMatches = "NoEntryMatches"
	reasonCombinedNodes  = "CombinedNodes"
	reasonAsksForLess    = "AsksForLess"
	reasonCameBack       = "CameBackEmpty"
	reasonSpoilt         = "MetadataChanged"
	reasonPinSet         = "PinSet"
	reasonPinForDay      = "PinForADay"
	reasonPauseSet       = "PauseSet"
	reasonPausedForDay   = "PausedForADay"
)

// reasonsOf are the reasons that each condition can have. docs/conditions.md
// explains them.
var reasonsOf = map[string][]string{
	conditionReady: {reasonScheduled, reasonSuspended, reasonInvalidSpec, reasonInvalidAnnotation, reasonNoClass,
		reasonNoSnapshotAPI, reasonNoVolumes, reasonSnapshotFailed, reasonRunFailed, reasonVolumeStuck, reasonShadowed},
	conditionVerified:        {reasonVerified, findingNotHonoured, findingStuck, findingNotRestored, findingDuplicate},
	conditionNotIntercepted:  {reasonNoEntryMatches},
	conditionQuorumUndecided: {reasonCombinedNodes},
	conditionTooSmall:        {reasonAsksForLess},
	conditionUnproven:        {reasonCameBack},
	conditionUnreadable:      {reasonSpoilt},
	conditionPaused:          {reasonPauseSet, reasonPausedForDay},
	conditionPin:             {reasonPinSet, reasonPinForDay},
}

// Reasons and actions of the Events on a KafkaBackup.
const (
	eventSnapshotsCreated  = "SnapshotsCreated"
	eventSnapshotsReady    = "SnapshotsReady"
	eventSnapshotFailed    = reasonSnapshotFailed
	eventVolumeSkipped     = "VolumeSkipped"
	eventQuorumNotAwaited  = "QuorumNotAwaited"
	eventSnapshotAbandoned = "SnapshotAbandoned"
	eventPruned            = "SnapshotsPruned"
	eventRunsMissed        = "RunsMissed"
	eventMissedRunMadeUp   = "MissedRunMadeUp"
	eventUnproven          = "LineageUnproven"
	eventPromoted          = "LineagePromoted"
	eventForked            = "TimelineForked"

	actionSchedule = "Schedule"
	actionSnapshot = "Snapshot"
	actionPrune    = "Prune"
)
