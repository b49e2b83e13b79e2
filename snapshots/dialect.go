package snapshots

import (
	"slices"

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

	selector labels.Selector
}

// dialects are asked in this order; the first whose selector matches answers.
var dialects = []Dialect{
	newDialect(koperator),
	newDialect(strimzi),
	newDialect(statefulSet),
	newDialect(statefulSetRecommended),
}

func newDialect(d Dialect) Dialect {
	selector, err := labels.Parse(d.Selector)
	if err != nil {
		panic("dialect " + d.Name + ": " + err.Error())
	}
	d.selector = selector
	return d
}

// Dialects returns the dialects that Snapback knows.
func Dialects() []Dialect { return slices.Clone(dialects) }

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
			return Volume{Namespace: namespace, Cluster: b.Cluster, Slot: pvc.Name, Broker: pvc.Name, Role: RoleBroker, Dialect: "volumeSelector"}, true
		}
	}
	return Volume{}, false
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
