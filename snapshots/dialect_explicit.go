package snapshots

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// The claims that a person has labelled with snapback.dev/cluster, and with
// snapback.dev/broker or snapback.dev/volume or both.
var _ = register(Dialect{
	Name:     "explicit",
	Selector: v1alpha1.LabelCluster,
	order:    orderExplicit,
	ownKeys:  true,
	saysSlot: true,
	identify: func(pvc *corev1.PersistentVolumeClaim) (Volume, bool) {
		cluster, broker, disk := pvc.Labels[v1alpha1.LabelCluster], pvc.Labels[v1alpha1.LabelBroker], pvc.Labels[v1alpha1.LabelVolume]
		if cluster == "" || broker == "" && disk == "" {
			return Volume{}, false
		}
		v := Volume{
			Cluster:    cluster,
			Slot:       broker + ":" + disk,
			Node:       broker,
			Role:       Role(pvc.Labels[v1alpha1.LabelRole]),
			Peers:      pick(pvc.Labels, v1alpha1.LabelCluster),
			NodeLabels: pick(pvc.Labels, v1alpha1.LabelCluster, v1alpha1.LabelBroker),

			RoleSaid:      pvc.Labels[v1alpha1.LabelRole] != "",
			GeneratedName: pvc.GenerateName != "",
		}
		switch {
		case v.Role == "":
			v.Role = RoleBroker
		case !slices.Contains([]Role{RoleBroker, RoleController, RoleCombined, RoleZooKeeper}, v.Role):
			v.Role = RoleCombined // an unknown role: refuse until a person decides
		}
		if v.Node == "" {
			v.Node = v.Slot
		}
		return v, true
	},
})
