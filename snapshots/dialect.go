package snapshots

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Dialect is how one operator names and labels its PVCs.
type Dialect struct {
	Name string

	// Selector is what the labels of its claims have in common. The webhook
	// configuration has an entry with the same selector.
	Selector string

	// identify tells which volume a claim that the selector matches is, and
	// whether it is a broker volume at all. The claim's name may be empty.
	identify func(pvc *corev1.PersistentVolumeClaim) (Volume, bool)

	// foreign says that none of its claims is a broker volume, so that no entry
	// of the webhook configuration asks about them.
	foreign bool

	selector labels.Selector
}

// dialects are asked in this order; the first whose selector matches answers.
var dialects = []Dialect{
	newDialect(explicit),
	newDialect(koperator),
	newDialect(strimzi),
	newDialect(bitnami),
	newDialect(confluent),
	newDialect(cpHelmCharts),
	newDialect(statefulSet),
	newDialect(statefulSetRecommended),
	newDialect(redpanda),
}

func newDialect(d Dialect) Dialect {
	selector, err := labels.Parse(d.Selector)
	if err != nil {
		panic("dialect " + d.Name + ": " + err.Error())
	}
	d.selector = selector
	return d
}

// Dialects returns the dialects whose claims can be broker volumes.
func Dialects() []Dialect {
	return slices.DeleteFunc(slices.Clone(dialects), func(d Dialect) bool { return d.foreign })
}

// Matches reports whether the dialect's selector matches these labels.
func (d Dialect) Matches(set map[string]string) bool {
	return d.selector.Matches(labels.Set(set))
}

// Identify tells which broker volume a PVC is. The namespace is given apart,
// since a PVC at admission may not carry it yet. A claim that no dialect knows
// belongs to the first of the backups, by name, whose volumeSelector matches it.
func Identify(namespace string, pvc *corev1.PersistentVolumeClaim, backups []Backup) (Volume, bool) {
	for _, d := range dialects {
		if !d.Matches(pvc.Labels) {
			continue
		}
		v, ok := d.identify(pvc)
		if !ok {
			return Volume{}, false
		}
		v.Namespace, v.Dialect = namespace, d.Name
		return v, true
	}
	for _, b := range byName(backups) {
		if pvc.Name != "" && b.Namespace == namespace && b.VolumeSelector != nil && b.VolumeSelector.Matches(labels.Set(pvc.Labels)) {
			return Volume{Namespace: namespace, Cluster: b.Cluster, Slot: pvc.Name, Broker: pvc.Name, Role: selectedRole(pvc), Dialect: "volumeSelector"}, true
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

// pick returns those of the labels that have one of the keys.
func pick(set map[string]string, keys ...string) map[string]string {
	picked := map[string]string{}
	for _, k := range keys {
		if v, ok := set[k]; ok {
			picked[k] = v
		}
	}
	return picked
}
