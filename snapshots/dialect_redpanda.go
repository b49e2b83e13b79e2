package snapshots

import corev1 "k8s.io/api/core/v1"

// The claims of Redpanda, which Snapback leaves alone: every volume holds state
// of Redpanda's own Raft, and a node with old state does harm there.
var _ = register(Dialect{
	Name:     "redpanda",
	Selector: "app.kubernetes.io/name=redpanda",
	order:    orderForeign,
	identify: func(*corev1.PersistentVolumeClaim) (Volume, bool) { return Volume{}, false },
	foreign:  true,
})
