package v1alpha1

// Labels of what Snapback makes.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "snapback"
)

// Labels of a VolumeSnapshot that Snapback made. LabelCluster, LabelVolume,
// LabelBroker and LabelRole are also those by which people say themselves which
// volume a claim is of.
const (
	LabelCluster = Domain + "cluster" // name of the Kafka cluster
	LabelVolume  = Domain + "volume"  // of a snapshot: hash of the volume's key; of a claim: which volume of the broker
	LabelBroker  = Domain + "broker"  // which node; default: the claim's name
	LabelRole    = Domain + "role"    // broker (default), controller, combined, zookeeper
	LabelBackup  = Domain + "backup"  // name of the KafkaBackup
	LabelRun     = Domain + "run"     // scheduled time of the run, such as 20260221-190500
	LabelClaim   = Domain + "claim"   // name of the claim that it was taken of
)

// LabelIntercept on a namespace: "true" sends also the claims that only a
// volumeSelector knows to the webhook, "off" takes the namespace out of it.
const LabelIntercept = Domain + "intercept"

// LabelConfigMap marks a ConfigMap that holds the spec of a KafkaBackup, with
// the value "true".
const LabelConfigMap = Domain + "kafkabackup"

const (
	// LabelTrial on a claim says that it is a trial's, of a restore of the Kafka
	// cluster that is its value.
	LabelTrial = Domain + "restore-trial"

	// LabelExport marks the ConfigMaps and Secrets that an export may write.
	LabelExport = Domain + "export"
)
