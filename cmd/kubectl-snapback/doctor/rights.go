package doctor

import "github.com/snapback-dev/snapback/api/v1alpha1"

// Right is what Snapback's ServiceAccount may do with a resource, and why it needs
// to.
type Right struct {
	Group, Resource string
	Name            string // of the one object; empty: all objects
	Verbs           string
	Own             bool // only in Snapback's own namespace
	Why             string
}

// Rights are all rights in manifests/base. A test checks that the manifests grant
// these and no others.
var Rights = []Right{
	{Group: "snapback.dev", Resource: "kafkabackups", Verbs: "list watch", Why: "both processes cache them"},
	{Group: "snapback.dev", Resource: "kafkabackups/status", Verbs: "patch", Why: "the scheduler's conditions and times"},
	{Resource: "configmaps", Verbs: "list watch create patch", Why: "backups in ConfigMaps, whose status is an annotation; the history of each Kafka cluster"},
	{Resource: "persistentvolumeclaims", Verbs: "list watch", Why: "which volumes a cluster has"},
	{Resource: "namespaces", Verbs: "get list watch", Why: "annotations and labels that opt in; get is for a namespace that the cache does not have yet"},
	{Resource: "persistentvolumes", Verbs: "list watch", Why: "the driver and the handle of a volume"},
	{Group: "storage.k8s.io", Resource: "storageclasses", Verbs: "list watch", Why: "whether a claim has the driver of the snapshot"},
	{Group: "snapshot.storage.k8s.io", Resource: "volumesnapshotclasses", Verbs: "list watch", Why: "whether a backup's class fits its volumes"},
	{Group: "snapshot.storage.k8s.io", Resource: "volumesnapshots", Verbs: "get list watch create patch delete", Why: "the backups themselves; patch sets marks, get reads past the cache"},
	{Group: "snapshot.storage.k8s.io", Resource: "volumesnapshotcontents", Verbs: "get patch", Why: "to delete the data of a pruned snapshot whose class retains it"},
	{Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations", Verbs: "list watch", Why: "whether the webhook would be asked about a volume"},
	{Group: "kafka.strimzi.io", Resource: "kafkas", Verbs: "get list watch", Why: "Kafka's cluster id"},
	{Group: "kafka.strimzi.io", Resource: "kafkanodepools", Verbs: "get list watch", Why: "whether a node is a controller, and whether it is new"},
	{Group: "kafka.banzaicloud.io", Resource: "kafkaclusters", Verbs: "get", Why: "whether a broker that comes back was lost, or scaled down"},
	{Group: "apps", Resource: "statefulsets", Verbs: "list", Why: "the size that a lost claim would request again"},
	{Group: "events.k8s.io", Resource: "events", Verbs: "list create patch", Why: "events about objects; list reads the provisioner's own message"},
	{Group: "coordination.k8s.io", Resource: "leases", Verbs: "create", Own: true, Why: "the leader's Lease; RBAC cannot limit create to a name"},
	{Group: "coordination.k8s.io", Resource: "leases", Name: v1alpha1.LeaseName, Verbs: "get update", Own: true, Why: "the leader's Lease"},
	{Resource: "secrets", Name: v1alpha1.SecretName, Verbs: "list watch", Own: true, Why: "the webhook's certificate"},
}

// DrillRights are the rights of the other ServiceAccount, of the component drills. An
// admission policy there limits them further.
var DrillRights = []Right{
	{Group: "snapback.dev", Resource: "kafkabackups", Verbs: "list watch", Why: "which drills are asked for"},
	{Resource: "configmaps", Verbs: "list watch", Why: "backups in ConfigMaps"},
	{Resource: "namespaces", Verbs: "get list watch", Why: "annotations that choose which snapshots are good"},
	{Group: "snapshot.storage.k8s.io", Resource: "volumesnapshots", Verbs: "get list watch patch", Why: "what is restored aside; patch writes what was found"},
	{Resource: "persistentvolumeclaims", Verbs: "get list watch create delete", Why: "the volumes of a cluster, and the copies of snapshots"},
	{Resource: "pods", Verbs: "get list watch create delete", Why: "read the copies; the image to run, and the user that a broker's pod runs as"},
	{Resource: "persistentvolumes", Verbs: "get list patch", Why: "whether a copy is a volume of its own; patch lets it go with its claim"},
	{Group: "kafka.strimzi.io", Resource: "kafkas", Verbs: "get", Why: "Kafka's cluster id"},
	{Group: "kafka.strimzi.io", Resource: "kafkanodepools", Verbs: "get", Why: "whether a node is a controller"},
	{Group: "events.k8s.io", Resource: "events", Verbs: "create patch", Why: "how a drill ended"},
	{Group: "coordination.k8s.io", Resource: "leases", Verbs: "create", Own: true, Why: "the leader's Lease; RBAC cannot limit create to a name"},
	{Group: "coordination.k8s.io", Resource: "leases", Name: v1alpha1.DrillsName, Verbs: "get update", Own: true, Why: "the leader's Lease"},
}

// CertificateRights are the rights that the webhook needs to create its own
// certificate.
var CertificateRights = []Right{
	{Resource: "secrets", Verbs: "create", Own: true, Why: "the certificate; RBAC cannot limit create to a name"},
	{Resource: "secrets", Name: v1alpha1.SecretName, Verbs: "update", Own: true, Why: "renews the certificate"},
	{Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations", Name: "snapback", Verbs: "update", Why: "puts the CA into it"},
}
