package v1alpha1

// Labels of the objects that Snapback makes.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "snapback"
)

// Labels of a VolumeSnapshot that Snapback made. With LabelCluster, LabelVolume,
// LabelBroker and LabelRole people can also say which volume a claim is of.
const (
	LabelCluster = Domain + "cluster" // name of the Kafka cluster
	LabelVolume  = Domain + "volume"  // of a snapshot: hash of the volume's key; of a claim: which volume of the broker
	LabelBroker  = Domain + "broker"  // which node; default: the claim's name
	LabelRole    = Domain + "role"    // broker (default), controller, combined, zookeeper
	LabelBackup  = Domain + "backup"  // name of the KafkaBackup
	LabelRun     = Domain + "run"     // scheduled time of the run, such as 20260221-190500
	LabelClaim   = Domain + "claim"   // name of the claim that it was taken from
)

// LabelIntercept on a namespace controls its interception by the webhook. With
// "true" the webhook also gets the claims that only a volumeSelector knows. With
// "off" it gets no claim of the namespace.
const LabelIntercept = Domain + "intercept"

// LabelConfigMap marks a ConfigMap that holds the spec of a KafkaBackup, with
// the value "true".
const LabelConfigMap = Domain + "kafkabackup"

const (
	// LabelTrial marks a claim of a trial restore. Its value is the name of the
	// Kafka cluster.
	LabelTrial = Domain + "restore-trial"

	// LabelDrill marks the claim and the pod of a restore drill. Its value is the name
	// of the Kafka cluster. Such a claim is never a broker's.
	LabelDrill = Domain + "drill"

	// LabelExport marks the ConfigMaps and Secrets that an export may write.
	LabelExport = Domain + "export"
)
