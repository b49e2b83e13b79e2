package scheduler

// Actions of the Events on a KafkaBackup: what the scheduler was doing.
const (
	actionSchedule = "Schedule"
	actionSnapshot = "Snapshot"
)
