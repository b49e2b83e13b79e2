package v1alpha1

// KafkaAccess says how Snapback asks the running Kafka cluster. It only reads.
type KafkaAccess struct {
	// BootstrapServers are addresses of brokers, host:port, with commas between,
	// as in Kafka's own setting. Without it they are taken from the status of
	// Strimzi's Kafka or Koperator's KafkaCluster.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self == '' || (self + ',').matches('^( *([-A-Za-z0-9._]+|[[][0-9A-Fa-f:.]+[]]):([1-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]) *,)+$')",message="must be host:port, or several with commas between, for example \"kafka-0:9092,kafka-1:9092\""
	BootstrapServers string `json:"bootstrapServers,omitempty"`

	// TLS is set if the brokers are asked with TLS. It may be empty.
	// +optional
	TLS *KafkaTLS `json:"tls,omitempty"`

	// SASL is set if the brokers ask for a user and a password.
	// +optional
	SASL *KafkaSASL `json:"sasl,omitempty"`

	// MaxRecordsAtRisk is how many records may be only in one place, written
	// since the last good snapshot, before an alert fires. Without it none does.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxRecordsAtRisk *int64 `json:"maxRecordsAtRisk,omitempty"`
}

// KafkaTLS names the Secrets with certificates, in the KafkaBackup's namespace.
type KafkaTLS struct {
	// CASecret is the name of a Secret. Its key ca.crt has the certificates of
	// the authorities that the brokers' certificates are checked with. Without it
	// these are, with Strimzi, the ones in the Kafka's status, else those of the
	// system: Snapback's image has none.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="must be the name of a Secret"
	CASecret string `json:"caSecret,omitempty"`

	// CertSecret is the name of a Secret with the client's certificate and key:
	// tls.crt and tls.key, or user.crt and user.key as in the Secret of a
	// Strimzi KafkaUser.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="must be the name of a Secret"
	CertSecret string `json:"certSecret,omitempty"`
}

// KafkaSASL says how Snapback authenticates with a password.
type KafkaSASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
	// +kubebuilder:validation:Enum=PLAIN;SCRAM-SHA-256;SCRAM-SHA-512
	Mechanism string `json:"mechanism"`

	// Secret is the name of a Secret in the KafkaBackup's namespace with the keys
	// username and password. If it has only a password, as the Secret of a
	// Strimzi KafkaUser, the user is the name of the Secret.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="must be the name of a Secret"
	Secret string `json:"secret"`
}

// Values of [KafkaSASL.Mechanism].
const (
	MechanismPlain       = "PLAIN"
	MechanismScramSHA256 = "SCRAM-SHA-256"
	MechanismScramSHA512 = "SCRAM-SHA-512"
)
