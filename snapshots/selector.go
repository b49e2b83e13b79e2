package snapshots

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// bySelector stands for the name of a dialect in a volume that no dialect knows.
const bySelector = "volumeSelector"

// Selected reports whether only the volumeSelector of a KafkaBackup knows the
// volume.
func (v Volume) Selected() bool { return v.Dialect == bySelector }

// selected tells which volume a claim is that no dialect knows: one of the first
// of the backups, by name, whose volumeSelector matches it.
func selected(namespace string, pvc *corev1.PersistentVolumeClaim, backups []Backup) (Volume, bool) {
	for _, b := range byName(backups) {
		if pvc.Name != "" && b.Namespace == namespace && b.VolumeSelector != nil && b.VolumeSelector.Matches(labels.Set(pvc.Labels)) {
			return Volume{Namespace: namespace, Cluster: b.Cluster, Slot: pvc.Name, Broker: pvc.Name, Role: selectedRole(pvc), Dialect: bySelector}, true
		}
	}
	return Volume{}, false
}

// selectedRole is the role of a claim that only a volumeSelector knows. Those
// of Pravega's ZooKeeper operator are labelled app=<name> and uid=<uid>, and
// named after the first.
func selectedRole(pvc *corev1.PersistentVolumeClaim) Role {
	app, uid := pvc.Labels["app"], pvc.Labels["uid"]
	if app != "" && uid != "" && strings.HasPrefix(pvc.Name, "data-"+app+"-") {
		return RoleZooKeeper
	}
	return RoleBroker
}
