package scheduler

// Actions of the Events on a KafkaBackup. They say what the scheduler was doing.
const (
	actionSchedule = "Schedule"
	actionSnapshot = "Snapshot"
)
