package snapshots

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Labels by which people say themselves which volume a claim is of.
const (
	LabelBroker = Domain + "broker" // which node; default: the claim's name
	LabelRole   = Domain + "role"   // broker (default), controller, combined, zookeeper
)

// explicit knows the claims that say it themselves: snapback.dev/cluster, and
// snapback.dev/broker or snapback.dev/volume or both.
var explicit = Dialect{
	Name:     "explicit",
	Selector: LabelCluster,
	identify: func(pvc *corev1.PersistentVolumeClaim) (Volume, bool) {
		cluster, broker, disk := pvc.Labels[LabelCluster], pvc.Labels[LabelBroker], pvc.Labels[LabelVolume]
		if cluster == "" || broker == "" && disk == "" {
			return Volume{}, false
		}
		v := Volume{
			Cluster: cluster,
			Slot:    broker + ":" + disk,
			Broker:  broker,
			Role:    Role(pvc.Labels[LabelRole]),
			Peers:   pick(pvc.Labels, LabelCluster),
			Node:    pick(pvc.Labels, LabelCluster, LabelBroker),

			RoleSaid:      pvc.Labels[LabelRole] != "",
			GeneratedName: pvc.GenerateName != "",
		}
		switch {
		case v.Role == "":
			v.Role = RoleBroker
		case !slices.Contains([]Role{RoleBroker, RoleController, RoleCombined, RoleZooKeeper}, v.Role):
			v.Role = RoleCombined // whatever was meant, a person decides
		}
		if v.Broker == "" {
			v.Broker = v.Slot
		}
		return v, true
	},
}
