package v1alpha1

// Names in the manifests: one Snapback serves a Kubernetes cluster.
const (
	Installation    = "snapback" // of the MutatingWebhookConfiguration, the Deployment and the ServiceAccount
	SystemNamespace = "snapback-system"
	ServiceName     = "snapback-webhook"
	SecretName      = "snapback-webhook-tls" // of the serving certificate
	LeaseName       = "snapback-scheduler"
)
