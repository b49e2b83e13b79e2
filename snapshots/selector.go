package snapshots

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// bySelector is the dialect name of a volume that no dialect knows.
const bySelector = "volumeSelector"

// Selected reports whether the volume is known only by the volumeSelector of a
// KafkaBackup.
func (v Volume) Selected() bool { return v.Dialect == bySelector }

// selected returns the volume of a claim that no dialect knows. It is of the
// cluster of the first backup, by name, whose volumeSelector matches the claim.
func selected(namespace string, pvc *corev1.PersistentVolumeClaim, backups []Backup) (Volume, bool) {
	for _, b := range byName(backups) {
		if pvc.Name != "" && b.Namespace == namespace && b.VolumeSelector != nil && b.VolumeSelector.Matches(labels.Set(pvc.Labels)) {
			return Volume{Namespace: namespace, Cluster: b.Cluster, Slot: pvc.Name, Node: pvc.Name, Role: selectedRole(pvc), Dialect: bySelector}, true
		}
	}
	return Volume{}, false
}

// selectedRole returns the role of a claim that only a volumeSelector knows.
// Claims of Pravega's ZooKeeper operator have the labels app=<name> and
// uid=<uid>, and names that begin with data-<name>-.
func selectedRole(pvc *corev1.PersistentVolumeClaim) Role {
	app, uid := pvc.Labels["app"], pvc.Labels["uid"]
	if app != "" && uid != "" && strings.HasPrefix(pvc.Name, "data-"+app+"-") {
		return RoleZooKeeper
	}
	return RoleBroker
}
