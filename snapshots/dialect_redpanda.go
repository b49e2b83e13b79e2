package snapshots

import corev1 "k8s.io/api/core/v1"

// The claims of Redpanda, to leave them alone: it has a Raft of its own on every
// volume, in which a node from the past does harm.
var _ = register(Dialect{
	Name:     "redpanda",
	Selector: "app.kubernetes.io/name=redpanda",
	order:    orderForeign,
	identify: func(*corev1.PersistentVolumeClaim) (Volume, bool) { return Volume{}, false },
	foreign:  true,
})
