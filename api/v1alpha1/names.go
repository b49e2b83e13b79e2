package v1alpha1

// Names of the objects in the manifests. They are fixed, since a Kubernetes cluster
// has only one Snapback.
const (
	Installation    = "snapback" // of the MutatingWebhookConfiguration, the Deployment and the ServiceAccount
	SystemNamespace = "snapback-system"
	ServiceName     = "snapback-webhook"
	SecretName      = "snapback-webhook-tls" // of the serving certificate
	LeaseName       = "snapback-scheduler"
	DrillsName      = "snapback-drills" // of the Deployment, the ServiceAccount and the Lease of the component drills
)
