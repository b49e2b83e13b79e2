package doctor

import "github.com/snapback-dev/snapback/api/v1alpha1"

// Right is what Snapback's ServiceAccount may do with a resource, and why.
type Right struct {
	Group, Resource string
	Name            string // of the only object; empty: all
	Verbs           string
	Own             bool // in Snapback's namespace only
	Why             string
}

// Rights are all of manifests/base. A test holds them against it, and that the
// ServiceAccount has no others.
var Rights = []Right{
	{Group: "snapback.dev", Resource: "kafkabackups", Verbs: "list watch", Why: "both processes cache them"},
	{Group: "snapback.dev", Resource: "kafkabackups/status", Verbs: "patch", Why: "the scheduler's conditions and times"},
	{Resource: "configmaps", Verbs: "list watch patch", Why: "backups that ConfigMaps hold, their status being an annotation"},
	{Resource: "persistentvolumeclaims", Verbs: "list watch", Why: "which volumes a cluster has"},
	{Resource: "namespaces", Verbs: "get list watch", Why: "annotations and labels that opt in; get is for one newer than the cache"},
	{Resource: "persistentvolumes", Verbs: "list watch", Why: "driver and handle of a volume"},
	{Group: "storage.k8s.io", Resource: "storageclasses", Verbs: "list watch", Why: "whether a claim's driver is the snapshot's"},
	{Group: "snapshot.storage.k8s.io", Resource: "volumesnapshotclasses", Verbs: "list watch", Why: "whether a backup's class fits its volumes"},
	{Group: "snapshot.storage.k8s.io", Resource: "volumesnapshots", Verbs: "get list watch create patch delete", Why: "the backups themselves; patch is for the marks, get for the live look"},
	{Group: "snapshot.storage.k8s.io", Resource: "volumesnapshotcontents", Verbs: "get patch", Why: "the data of a pruned snapshot goes where its class retains it"},
	{Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations", Verbs: "list watch", Why: "whether the webhook would be asked about a volume"},
	{Group: "kafka.strimzi.io", Resource: "kafkas", Verbs: "get list watch", Why: "Kafka's cluster id"},
	{Group: "kafka.strimzi.io", Resource: "kafkanodepools", Verbs: "get list watch", Why: "whether a node is a controller, and whether it is new"},
	{Group: "kafka.banzaicloud.io", Resource: "kafkaclusters", Verbs: "get", Why: "whether a broker that comes back was lost, or scaled down"},
	{Group: "apps", Resource: "statefulsets", Verbs: "list", Why: "what size a lost claim would be asked for again"},
	{Group: "events.k8s.io", Resource: "events", Verbs: "list create patch", Why: "what is told on objects; list is for the provisioner's own words"},
	{Group: "coordination.k8s.io", Resource: "leases", Verbs: "create", Own: true, Why: "the leader's Lease; a name cannot be asked for in a create"},
	{Group: "coordination.k8s.io", Resource: "leases", Name: v1alpha1.LeaseName, Verbs: "get update", Own: true, Why: "the leader's Lease"},
	{Resource: "secrets", Name: v1alpha1.SecretName, Verbs: "list watch", Own: true, Why: "the webhook's certificate"},
}

// CertificateRights are what the webhook needs to make its own certificate.
var CertificateRights = []Right{
	{Resource: "secrets", Verbs: "create", Own: true, Why: "the certificate; a name cannot be asked for in a create"},
	{Resource: "secrets", Name: v1alpha1.SecretName, Verbs: "update", Own: true, Why: "renews the certificate"},
	{Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations", Name: "snapback", Verbs: "update", Why: "puts the CA into it"},
}
