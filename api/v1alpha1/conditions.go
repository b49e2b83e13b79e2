package v1alpha1

// Conditions of a KafkaBackup. All but the first two, KafkaObserved and BackupsProven
// exist only while there is a problem that a person should solve before a broker is lost.
const (
	ConditionReady              = "Ready"
	ConditionRestoresVerified   = "RestoresVerified"
	ConditionNotIntercepted     = "NotIntercepted"
	ConditionQuorumUndecided    = "QuorumUndecided"
	ConditionTooSmall           = "TooSmall"
	ConditionUnprovenLineage    = "UnprovenLineage" // until the volume that came back empty is promoted
	ConditionSnapshotUnreadable = "SnapshotUnreadable"
	ConditionRetentionLocked    = "RetentionLocked" // the storage locks snapshots for longer than the retention keeps them
	ConditionDeletionStuck      = "DeletionStuck"   // snapshots whose deletion was asked for stay
	ConditionPaused             = "Paused"          // True after a day: it is suspended or frozen, and maybe forgotten
	ConditionPinInForce         = "PinInForce"      // True after a day: a forgotten pin sends the next lost broker back in time
	ConditionKafkaObserved      = "KafkaObserved"   // only with spec.kafka
	ConditionBackupsProven      = "BackupsProven"   // only with spec.drill
)

// Reasons of the condition Ready.
const (
	ReasonScheduled           = "Scheduled"
	ReasonSuspended           = "Suspended"
	ReasonInvalidSpec         = "InvalidSpec"
	ReasonClassNotFound       = "VolumeSnapshotClassNotFound"
	ReasonSnapshotAPINotFound = "SnapshotAPINotFound"
	ReasonNoVolumes           = "NoVolumes"
	ReasonSnapshotFailed      = "SnapshotFailed"
	ReasonRunFailed           = "RunFailed"
	ReasonVolumeStuck         = "VolumeStuck" // three runs have no snapshot of a volume
	ReasonShadowed            = "Shadowed"    // of a ConfigMap only
	ReasonThrottled           = "Throttled"   // the storage says that too much is asked of it
	ReasonWaitingForTurn      = "WaitingForTurn"
	ReasonTurnMissed          = "TurnMissed" // the last run was given up: the storage had no room for it in time
)

// Reasons of the condition RestoresVerified.
const (
	ReasonVerified           = "Verified"
	ReasonRestoreNotHonoured = "RestoreNotHonoured" // bound to a volume that already existed
	ReasonRestoreStuck       = "RestoreStuck"       // not filled for a long time
	ReasonSnapshotGone       = "SnapshotGone"       // waits for a snapshot that was deleted
	ReasonNotRestored        = "NotRestored"        // provisioned empty although there are good snapshots
)

// Reasons of the other conditions.
const (
	ReasonNoEntryMatches      = "NoEntryMatches"
	ReasonCombinedNodes       = "CombinedNodes"
	ReasonAsksForLess         = "AsksForLess"
	ReasonCameBackEmpty       = "CameBackEmpty"
	ReasonMetadataChanged     = "MetadataChanged"
	ReasonLockedLonger        = "LockedLonger"
	ReasonNotDeletedForAnHour = "NotDeletedForAnHour"
	ReasonPinSet              = "PinSet"
	ReasonPinForADay          = "PinForADay"
	ReasonPauseSet            = "PauseSet"
	ReasonPausedForADay       = "PausedForADay"
)

// Reasons of the condition KafkaObserved: True for the first two, False for the
// others.
const (
	ReasonObserved             = "Observed"
	ReasonPartlyAnswered       = "PartlyAnswered" // some brokers are silent, or topics hidden
	ReasonNoBootstrapServers   = "NoBootstrapServers"
	ReasonSecretUnreadable     = "SecretUnreadable" // forbidden, absent, or not what it should be
	ReasonCertificateExpired   = "CertificateExpired"
	ReasonUnreachable          = "Unreachable"
	ReasonTLSFailed            = "TLSFailed"
	ReasonAuthenticationFailed = "AuthenticationFailed"
	ReasonNotAuthorized        = "NotAuthorized" // an ACL is missing
	ReasonTimedOut             = "TimedOut"
	ReasonBadAnswer            = "BadAnswer" // not Kafka's, or not one that is understood
)

// Reasons of the condition BackupsProven: True for the first, Unknown for the second,
// False for the others.
const (
	ReasonProven             = "Proven"       // the last drill of each volume ended well
	ReasonNotProvenYet       = "NotProvenYet" // some volumes have not had their turn
	ReasonSnapshotDamaged    = "SnapshotDamaged"
	ReasonDrillFailed        = "DrillFailed"  // the last drill came to no verdict
	ReasonDrillOverdue       = "DrillOverdue" // drills are due, and none ends
	ReasonDrillsNotInstalled = "DrillsNotInstalled"
)

// ConditionReasons are the reasons that each condition can have.
// docs/conditions.md explains them.
var ConditionReasons = map[string][]string{
	ConditionReady: {ReasonScheduled, ReasonSuspended, ReasonInvalidSpec, string(ReasonInvalidAnnotation), ReasonClassNotFound,
		ReasonSnapshotAPINotFound, ReasonNoVolumes, ReasonSnapshotFailed, ReasonRunFailed, ReasonVolumeStuck, ReasonShadowed,
		ReasonThrottled, ReasonWaitingForTurn, ReasonTurnMissed},
	ConditionRestoresVerified:   {ReasonVerified, ReasonRestoreNotHonoured, ReasonRestoreStuck, ReasonSnapshotGone, ReasonNotRestored, string(ReasonDuplicateVolume)},
	ConditionNotIntercepted:     {ReasonNoEntryMatches},
	ConditionQuorumUndecided:    {ReasonCombinedNodes},
	ConditionTooSmall:           {ReasonAsksForLess},
	ConditionUnprovenLineage:    {ReasonCameBackEmpty},
	ConditionSnapshotUnreadable: {ReasonMetadataChanged},
	ConditionRetentionLocked:    {ReasonLockedLonger},
	ConditionDeletionStuck:      {ReasonNotDeletedForAnHour},
	ConditionPaused:             {ReasonPauseSet, ReasonPausedForADay},
	ConditionPinInForce:         {ReasonPinSet, ReasonPinForADay},
	ConditionKafkaObserved: {ReasonObserved, ReasonPartlyAnswered, ReasonNoBootstrapServers, ReasonSecretUnreadable, ReasonCertificateExpired,
		ReasonUnreachable, ReasonTLSFailed, ReasonAuthenticationFailed, ReasonNotAuthorized, ReasonTimedOut, ReasonBadAnswer},
	ConditionBackupsProven: {ReasonProven, ReasonNotProvenYet, ReasonSnapshotDamaged, ReasonDrillFailed, ReasonDrillOverdue, ReasonDrillsNotInstalled},
}

// Reasons of Events on a KafkaBackup, in addition to those of its conditions.
const (
	EventSnapshotsCreated  = "SnapshotsCreated"
	EventSnapshotsReady    = "SnapshotsReady"
	EventSnapshotAbandoned = "SnapshotAbandoned"
	EventSnapshotsPruned   = "SnapshotsPruned"
	EventSnapshotOfAnother = "SnapshotOfAnotherClaim"
	EventVolumeSkipped     = "VolumeSkipped"
	EventQuorumNotAwaited  = "QuorumNotAwaited"
	EventRunsMissed        = "RunsMissed"
	EventMissedRunMadeUp   = "MissedRunMadeUp"
	EventLineageUnproven   = "LineageUnproven"
	EventLineagePromoted   = "LineagePromoted"
	EventTimelineForked    = "TimelineForked"
	EventRestoreReported   = "RestoreReported"
	EventDrillSound        = "DrillSound" // with ReasonSnapshotDamaged and ReasonDrillFailed, the Events of drills
)
