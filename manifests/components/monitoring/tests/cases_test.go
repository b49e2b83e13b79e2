package tests

// cases are what the alerts are tried on: each an hour of series, unless more
// is said, with a sample a minute.
var cases = []struct {
	alert, name string
	severity    string // of the rule, where an alert has two
	series      string
	from        int // the minute from which on it is evaluated
	minutes     int
	fires       bool
}{
	{alert: "SnapbackNoGoodBackup", name: "two intervals", fires: true,
		series: `snapback_runs_since_success{namespace="kafka",kafkabackup="hourly",pod="a"} 2x60`},
	{alert: "SnapbackNoGoodBackup", name: "through a failover", fires: true, series: `
		snapback_runs_since_success{namespace="kafka",kafkabackup="hourly",pod="a"} 0x40 2x6 stale _x20
		snapback_runs_since_success{namespace="kafka",kafkabackup="hourly",pod="b"} _x47 2x6 0x5`},
	{alert: "SnapbackNoGoodBackup", name: "a run is under way",
		series: `snapback_runs_since_success{namespace="kafka",kafkabackup="hourly",pod="a"} 0x30 1x30`},
	{alert: "SnapbackNoGoodBackup", name: "a run succeeds late",
		series: `snapback_runs_since_success{namespace="kafka",kafkabackup="hourly",pod="a"} 1x30 2x5 0x30`},

	{alert: "SnapbackVolumeLeftBehind", name: "a volume never gets a snapshot", fires: true, series: `
		snapback_left_behind_volumes{namespace="kafka",kafkabackup="hourly",pod="a"} 0x20 1x40
		snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="Ready",status="False",reason="VolumeStuck",pod="a"} _x20 1x40
		snapback_runs_since_success{namespace="kafka",kafkabackup="hourly",pod="a"} 0x60`},
	{alert: "SnapbackVolumeLeftBehind", name: "beside one that came back empty", fires: true, series: `
		snapback_left_behind_volumes{namespace="kafka",kafkabackup="hourly",pod="a"} 1x60
		snapback_runs_since_success{namespace="kafka",kafkabackup="hourly",pod="a"} 0x60
		snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="UnprovenLineage",status="True",reason="CameBackEmpty",pod="a"} 1x60`},
	{alert: "SnapbackVolumeLeftBehind", name: "no run succeeds", series: `
		snapback_left_behind_volumes{namespace="kafka",kafkabackup="hourly",pod="a"} 3x60
		snapback_runs_since_success{namespace="kafka",kafkabackup="hourly",pod="a"} 3x60`},
	{alert: "SnapbackVolumeLeftBehind", name: "it came back empty", series: `
		snapback_runs_since_recovery_point{namespace="kafka",kafkabackup="hourly",pod="a"} 9x60
		snapback_left_behind_volumes{namespace="kafka",kafkabackup="hourly",pod="a"} 0x60
		snapback_runs_since_success{namespace="kafka",kafkabackup="hourly",pod="a"} 0x60
		snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="UnprovenLineage",status="True",reason="CameBackEmpty",pod="a"} 1x60`},

	{alert: "SnapbackVolumeUnprotected", name: "for a day", fires: true, minutes: 1600,
		series: `snapback_unprotected_volumes{namespace="kafka",kafkabackup="daily",pod="a"} 1x1600`},
	{alert: "SnapbackVolumeUnprotected", name: "until the next run", minutes: 1600,
		series: `snapback_unprotected_volumes{namespace="kafka",kafkabackup="daily",pod="a"} 1x1430 0x200`},

	{alert: "SnapbackSnapshotsFailing", name: "the driver fails", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="Ready",status="False",reason="SnapshotFailed",pod="a"} 1x60`},
	{alert: "SnapbackSnapshotsFailing", name: "creates were refused", fires: true,
		series: `snapback_snapshot_failures_total{namespace="kafka",kafkabackup="hourly",pod="a"} 0x30 3x30`},
	{alert: "SnapbackSnapshotsFailing", name: "all is well", series: `
		snapback_snapshot_failures_total{namespace="kafka",kafkabackup="hourly",pod="a"} 3x60
		snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="Ready",status="True",reason="Scheduled",pod="a"} 1x60`},

	{alert: "SnapbackNotReady", name: "no class", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="Ready",status="False",reason="VolumeSnapshotClassNotFound",pod="a"} 1x60`},
	{alert: "SnapbackNotReady", name: "suspended",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="Ready",status="True",reason="Suspended",pod="a"} 1x60`},
	{alert: "SnapbackNotReady", name: "a stuck volume has an alert of its own",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="Ready",status="False",reason="VolumeStuck",pod="a"} 1x60`},
	{alert: "SnapbackNotReady", name: "has an alert of its own",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="Ready",status="False",reason="RunFailed",pod="a"} 1x60`},

	{alert: "SnapbackRunsMissed", name: "found by a new leader", fires: true, series: `
		snapback_missed_runs_total{namespace="kafka",kafkabackup="hourly",pod="a"} 4x20 stale _x60
		snapback_missed_runs_total{namespace="kafka",kafkabackup="hourly",pod="b"} _x40 6x20`},
	{alert: "SnapbackRunsMissed", name: "long ago", series: `
		snapback_missed_runs_total{namespace="kafka",kafkabackup="hourly",pod="a"} 4x20 stale _x60
		snapback_missed_runs_total{namespace="kafka",kafkabackup="hourly",pod="b"} _x40 4x20`},

	{alert: "SnapbackQuotaNearlyFull", name: "the next run does not fit", fires: true, series: `
		kube_resourcequota{namespace="kafka",resourcequota="q",resource="count/volumesnapshots.snapshot.storage.k8s.io",type="hard"} 100x60
		kube_resourcequota{namespace="kafka",resourcequota="q",resource="count/volumesnapshots.snapshot.storage.k8s.io",type="used"} 96x60
		snapback_volumes{namespace="kafka",kafkabackup="hourly",pod="a"} 3x60
		snapback_volumes{namespace="kafka",kafkabackup="daily",pod="a"} 3x60`},
	{alert: "SnapbackQuotaNearlyFull", name: "it fits", series: `
		kube_resourcequota{namespace="kafka",resourcequota="q",resource="count/volumesnapshots.snapshot.storage.k8s.io",type="hard"} 100x60
		kube_resourcequota{namespace="kafka",resourcequota="q",resource="count/volumesnapshots.snapshot.storage.k8s.io",type="used"} 97x60
		snapback_volumes{namespace="kafka",kafkabackup="hourly",pod="a"} 3x60`},
	{alert: "SnapbackQuotaNearlyFull", name: "a namespace without backups", series: `
		kube_resourcequota{namespace="other",resourcequota="q",resource="count/volumesnapshots.snapshot.storage.k8s.io",type="hard"} 100x60
		kube_resourcequota{namespace="other",resourcequota="q",resource="count/volumesnapshots.snapshot.storage.k8s.io",type="used"} 100x60
		snapback_volumes{namespace="kafka",kafkabackup="hourly",pod="a"} 3x60`},

	{alert: "SnapbackNoLeader", name: "nobody leads", fires: true, series: `
		snapback_scheduler_leads{pod="a"} 0x60
		snapback_scheduler_leads{pod="b"} 0x60`},
	{alert: "SnapbackNoLeader", name: "nothing is scraped", fires: true, series: `up 1x60`},
	{alert: "SnapbackNoLeader", name: "one takes over", series: `
		snapback_scheduler_leads{pod="a"} 1x30 0x30
		snapback_scheduler_leads{pod="b"} 0x32 1x30
		snapback_kafkabackups{pod="a"} 3x30 stale _x30
		snapback_kafkabackups{pod="b"} _x32 3x30`},
	{alert: "SnapbackNoLeader", name: "the one that takes over knows of no KafkaBackups", fires: true, series: `
		snapback_scheduler_leads{pod="a"} 1x30 0x30
		snapback_scheduler_leads{pod="b"} 0x32 1x30
		snapback_kafkabackups{pod="a"} 3x30 stale _x30`},

	{alert: "SnapbackNotLookedAt", name: "its worker is stuck", fires: true, series: `
		snapback_last_look_timestamp_seconds{namespace="kafka",kafkabackup="hourly",pod="a"} 1700000000+60x20 1700001200x40
		snapback_last_look_timestamp_seconds{namespace="kafka",kafkabackup="daily",pod="a"} 1700000000+60x60`},
	{alert: "SnapbackNotLookedAt", name: "never looked at after a failover", fires: true, series: `
		snapback_last_look_timestamp_seconds{namespace="kafka",kafkabackup="hourly",pod="a"} 1700000000+60x20 stale _x40
		snapback_last_look_timestamp_seconds{namespace="kafka",kafkabackup="hourly",pod="b"} _x22 1700001320x38`},
	{alert: "SnapbackNotLookedAt", name: "a failover", series: `
		snapback_last_look_timestamp_seconds{namespace="kafka",kafkabackup="hourly",pod="a"} 1700000000+60x20 stale _x40
		snapback_last_look_timestamp_seconds{namespace="kafka",kafkabackup="hourly",pod="b"} _x22 1700001320+60x38`},

	{alert: "SnapbackClaimsRefused", name: "the first", fires: true,
		series: `snapback_admission_decisions_total{outcome="deny",reason="TooSmall",pod="a"} 0x30 1x30`},
	{alert: "SnapbackClaimsRefused", name: "restores and old refusals", series: `
		snapback_admission_decisions_total{outcome="deny",reason="TooSmall",pod="a"} 5x60
		snapback_admission_decisions_total{outcome="restore",reason="Restored",pod="a"} 0+1x60`},

	{alert: "SnapbackWebhookErrors", name: "it goes on", fires: true,
		series: `snapback_admission_decisions_total{outcome="error",reason="Internal",pod="a"} 0x10 0+1x50`},
	{alert: "SnapbackWebhookErrors", name: "once",
		series: `snapback_admission_decisions_total{outcome="error",reason="Internal",pod="a"} 0x30 1x30`},

	{alert: "SnapbackWebhookUnreachable", name: "the first ever", fires: true,
		series: `apiserver_admission_webhook_rejection_count{name="strimzi.snapback.dev",type="admit",operation="CREATE",error_type="calling_webhook_error",rejection_code="0",instance="x"} _x30 1x30`},
	{alert: "SnapbackWebhookUnreachable", name: "again", fires: true, from: 100, minutes: 180,
		series: `apiserver_admission_webhook_rejection_count{name="strimzi.snapback.dev",type="admit",operation="CREATE",error_type="calling_webhook_error",rejection_code="0",instance="x"} 1x150 2x30`},
	{alert: "SnapbackWebhookUnreachable", name: "long ago", from: 90, minutes: 180,
		series: `apiserver_admission_webhook_rejection_count{name="strimzi.snapback.dev",type="admit",operation="CREATE",error_type="calling_webhook_error",rejection_code="0",instance="x"} _x10 1x170`},
	{alert: "SnapbackWebhookUnreachable", name: "another's webhook, and an answered refusal", series: `
		apiserver_admission_webhook_rejection_count{name="other.example.com",type="admit",operation="CREATE",error_type="calling_webhook_error",rejection_code="0",instance="x"} _x30 1x30
		apiserver_admission_webhook_rejection_count{name="strimzi.snapback.dev",type="admit",operation="CREATE",error_type="no_error",rejection_code="403",instance="x"} _x30 1x30`},

	{alert: "SnapbackWebhookFailedOpen", name: "in the apiserver", fires: true,
		series: `apiserver_admission_webhook_fail_open_count{name="koperator.snapback.dev",type="admit",instance="x"} _x30 1x30`},
	{alert: "SnapbackWebhookFailedOpen", name: "long ago", from: 90, minutes: 180,
		series: `apiserver_admission_webhook_fail_open_count{name="koperator.snapback.dev",type="admit",instance="x"} _x10 1x170`},
	{alert: "SnapbackWebhookFailedOpen", name: "in the webhook", fires: true,
		series: `snapback_admission_decisions_total{outcome="allow",reason="Internal",pod="a"} 0x30 1x30`},
	{alert: "SnapbackWebhookFailedOpen", name: "claims are let through for reasons", series: `
		snapback_admission_decisions_total{outcome="allow",reason="NotOptedIn",pod="a"} 0+1x60
		apiserver_admission_webhook_fail_open_count{name="other.example.com",type="admit",instance="x"} _x30 1x30`},

	{alert: "SnapbackCertificateExpiring", name: "in six days", severity: "warning", fires: true, minutes: 120,
		series: `snapback_webhook_certificate_expiry_timestamp_seconds{pod="a"} 1700518400x120`},
	{alert: "SnapbackCertificateExpiring", name: "in six days", severity: "critical", minutes: 120,
		series: `snapback_webhook_certificate_expiry_timestamp_seconds{pod="a"} 1700518400x120`},
	{alert: "SnapbackCertificateExpiring", name: "in an hour", severity: "critical", fires: true,
		series: `snapback_webhook_certificate_expiry_timestamp_seconds{pod="a"} 1700007200x60`},
	{alert: "SnapbackCertificateExpiring", name: "in a month", minutes: 120,
		series: `snapback_webhook_certificate_expiry_timestamp_seconds{pod="a"} 1702592000x120`},

	{alert: "SnapbackRestoreStuck", name: "one is", fires: true,
		series: `snapback_restore_findings{namespace="kafka",kafkabackup="hourly",finding="RestoreStuck",pod="a"} 1x60`},
	{alert: "SnapbackRestoreStuck", name: "its snapshot is gone", fires: true,
		series: `snapback_restore_findings{namespace="kafka",kafkabackup="hourly",finding="SnapshotGone",pod="a"} 1x60`},
	{alert: "SnapbackRestoreStuck", name: "none is", series: well},
	{alert: "SnapbackRestoreNotHonoured", name: "one is not", fires: true,
		series: `snapback_restore_findings{namespace="kafka",kafkabackup="hourly",finding="RestoreNotHonoured",pod="a"} 1x60`},
	{alert: "SnapbackRestoreNotHonoured", name: "all are", series: well},
	{alert: "SnapbackStartedEmpty", name: "one did", fires: true,
		series: `snapback_restore_findings{namespace="kafka",kafkabackup="hourly",finding="NotRestored",pod="a"} 1x60`},
	{alert: "SnapbackStartedEmpty", name: "none did", series: well},
	{alert: "SnapbackDuplicateVolume", name: "two claims", fires: true,
		series: `snapback_restore_findings{namespace="kafka",kafkabackup="hourly",finding="DuplicateVolume",pod="a"} 2x60`},
	{alert: "SnapbackDuplicateVolume", name: "no such claims", series: well},

	{alert: "SnapbackUnprovenLineage", name: "one came back empty", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="UnprovenLineage",status="True",reason="CameBackEmpty",pod="a"} 1x60`},
	{alert: "SnapbackUnprovenLineage", name: "none did", series: well},
	{alert: "SnapbackSnapshotUnreadable", name: "spoilt", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="SnapshotUnreadable",status="True",reason="MetadataChanged",pod="a"} _x30 1x30`},
	{alert: "SnapbackSnapshotUnreadable", name: "mended within minutes",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="SnapshotUnreadable",status="True",reason="MetadataChanged",pod="a"} _x30 1x3 stale _x26`},

	{alert: "SnapbackRetentionLocked", name: "locked for longer", fires: true, minutes: 120,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="RetentionLocked",status="True",reason="LockedLonger",pod="a"} 1x120`},
	{alert: "SnapbackRetentionLocked", name: "as long as they are kept", series: well, minutes: 120},
	{alert: "SnapbackDeletionStuck", name: "some stay", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="DeletionStuck",status="True",reason="NotDeletedForAnHour",pod="a"} 1x60`},
	{alert: "SnapbackDeletionStuck", name: "gone within minutes",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="DeletionStuck",status="True",reason="NotDeletedForAnHour",pod="a"} _x30 1x3 stale _x26`},

	{alert: "SnapbackPinInForce", name: "for a day", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="PinInForce",status="True",reason="PinForADay",pod="a"} 1x60`},
	{alert: "SnapbackPinInForce", name: "since today",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="PinInForce",status="False",reason="PinSet",pod="a"} 1x60`},
	{alert: "SnapbackPaused", name: "for a day", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="Paused",status="True",reason="PausedForADay",pod="a"} 1x60`},
	{alert: "SnapbackPaused", name: "since today",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="Paused",status="False",reason="PauseSet",pod="a"} 1x60`},
	{alert: "SnapbackNotIntercepted", name: "no entry", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="NotIntercepted",status="True",reason="NoEntryMatches",pod="a"} 1x60`},
	{alert: "SnapbackNotIntercepted", name: "all match", series: well},
	{alert: "SnapbackQuorumUndecided", name: "nobody has decided", fires: true, minutes: 120,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="QuorumUndecided",status="True",reason="CombinedNodes",pod="a"} 1x120`},
	{alert: "SnapbackQuorumUndecided", name: "decided", series: well, minutes: 120},
	{alert: "SnapbackTooSmall", name: "claims would be refused", fires: true, minutes: 120,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="TooSmall",status="True",reason="AsksForLess",pod="a"} 1x120`},
	{alert: "SnapbackTooSmall", name: "while a StatefulSet is created again", minutes: 120,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="TooSmall",status="True",reason="AsksForLess",pod="a"} _x90 1x30`},
	{alert: "SnapbackTooSmall", name: "all are as large", series: well, minutes: 120},

	{alert: "SnapbackRecordsAtRisk", name: "more than the limit", fires: true, series: `
		snapback_kafka_records_at_risk{namespace="kafka",kafkabackup="hourly",pod="a"} 10x20 48211x40
		snapback_kafka_records_at_risk_limit{namespace="kafka",kafkabackup="hourly",pod="a"} 1000x60`},
	{alert: "SnapbackRecordsAtRisk", name: "through a failover", fires: true, series: `
		snapback_kafka_records_at_risk{namespace="kafka",kafkabackup="hourly",pod="a"} 10x20 48211x3 stale _x36
		snapback_kafka_records_at_risk_limit{namespace="kafka",kafkabackup="hourly",pod="a"} 0x23 stale _x36
		snapback_kafka_records_at_risk{namespace="kafka",kafkabackup="hourly",pod="b"} _x23 48211x4 10x20
		snapback_kafka_records_at_risk_limit{namespace="kafka",kafkabackup="hourly",pod="b"} _x23 1000x24`},
	{alert: "SnapbackRecordsAtRisk", name: "while a broker restarts", series: `
		snapback_kafka_records_at_risk{namespace="kafka",kafkabackup="hourly",pod="a"} 10x20 48211x3 10x40
		snapback_kafka_records_at_risk_limit{namespace="kafka",kafkabackup="hourly",pod="a"} 1000x60`},
	{alert: "SnapbackRecordsAtRisk", name: "no limit is set",
		series: `snapback_kafka_records_at_risk{namespace="kafka",kafkabackup="hourly",pod="a"} 48211x60`},

	{alert: "SnapbackKafkaNotObserved", name: "for a quarter of an hour", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="KafkaObserved",status="False",reason="Unreachable",pod="a"} _x30 1x30`},
	{alert: "SnapbackKafkaNotObserved", name: "a few minutes",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="KafkaObserved",status="False",reason="TimedOut",pod="a"} _x30 1x10 stale _x20`},
	{alert: "SnapbackKafkaNotObserved", name: "it answers",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="KafkaObserved",status="True",reason="Observed",pod="a"} 1x60`},

	{alert: "SnapbackSnapshotDamaged", name: "a snapshot is damaged", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="False",reason="SnapshotDamaged",pod="a"} _x30 1x30`},
	{alert: "SnapbackSnapshotDamaged", name: "through a failover", fires: true, series: `
		snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="False",reason="SnapshotDamaged",pod="a"} 1x2 stale _x57
		snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="False",reason="SnapshotDamaged",pod="b"} _x2 1x5 _x50`},
	{alert: "SnapbackSnapshotDamaged", name: "a drill failed",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="False",reason="DrillFailed",pod="a"} 1x60`},
	{alert: "SnapbackSnapshotDamaged", name: "all are sound",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="True",reason="Proven",pod="a"} 1x60`},
	{alert: "SnapbackBackupsNotProven", name: "DrillFailed", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="False",reason="DrillFailed",pod="a"} _x30 1x30`},
	{alert: "SnapbackBackupsNotProven", name: "DrillOverdue", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="False",reason="DrillOverdue",pod="a"} _x30 1x30`},
	{alert: "SnapbackBackupsNotProven", name: "DrillsNotInstalled", fires: true,
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="False",reason="DrillsNotInstalled",pod="a"} _x30 1x30`},
	{alert: "SnapbackBackupsNotProven", name: "until the next drill",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="False",reason="DrillFailed",pod="a"} _x30 1x10 stale _x20`},
	{alert: "SnapbackBackupsNotProven", name: "not yet",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="Unknown",reason="NotProvenYet",pod="a"} 1x60`},
	{alert: "SnapbackBackupsNotProven", name: "has an alert of its own",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="False",reason="SnapshotDamaged",pod="a"} 1x60`},
	{alert: "SnapbackBackupsNotProven", name: "proven",
		series: `snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="BackupsProven",status="True",reason="Proven",pod="a"} 1x60`},
}

// well is what a KafkaBackup exports that nothing is wrong with.
const well = `
	snapback_restore_findings{namespace="kafka",kafkabackup="hourly",finding="RestoreStuck",pod="a"} 0x120
	snapback_restore_findings{namespace="kafka",kafkabackup="hourly",finding="SnapshotGone",pod="a"} 0x120
	snapback_restore_findings{namespace="kafka",kafkabackup="hourly",finding="RestoreNotHonoured",pod="a"} 0x120
	snapback_restore_findings{namespace="kafka",kafkabackup="hourly",finding="NotRestored",pod="a"} 0x120
	snapback_restore_findings{namespace="kafka",kafkabackup="hourly",finding="DuplicateVolume",pod="a"} 0x120
	snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="RestoresVerified",status="True",reason="Verified",pod="a"} 1x120
	snapback_kafkabackup_condition{namespace="kafka",kafkabackup="hourly",condition="Ready",status="True",reason="Scheduled",pod="a"} 1x120`
