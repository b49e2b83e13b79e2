package snapshots

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Dialect is how one operator or chart names and labels its PVCs. Each stands in
// a file of its own, dialect_<name>.go, that registers it. What a dialect does not
// say is as StatefulSets have it.
type Dialect struct {
	Name string

	// Selector is what the labels of its claims have in common. The webhook
	// configuration has an entry with the same selector.
	Selector string

	// Operator is what makes the claims; empty: StatefulSets.
	Operator Operator

	// order is when the dialect is asked: a lower one first, of the same order
	// by name. The first dialect whose selector matches a claim answers.
	order int

	// identify tells which volume a claim that the selector matches is, and
	// whether it is a broker volume at all. The claim's name may be empty.
	identify func(pvc *corev1.PersistentVolumeClaim) (Volume, bool)

	// annotations are those of a claim that identify reads. Caches keep these.
	annotations []string

	// ownKeys says that no other dialect has the same volumes. The others share
	// the names of StatefulSets: a chart may change its labels.
	ownKeys bool

	// generatedNames says that the operator lets the apiserver name its claims.
	generatedNames bool

	// saysSlot says that a person has named the slot by labels, and saysCluster
	// that the cluster is a resource of the operator's, which is not renamed:
	// what snapshots of the claim's name say instead does not count. See [Overrules].
	saysSlot, saysCluster bool

	// foreign says that none of its claims is a broker volume, so that no entry
	// of the webhook configuration asks about them.
	foreign bool

	selector labels.Selector
}

// The orders of dialects.
const (
	orderExplicit = iota - 2 // the claim itself says which volume it is
	orderOperator            // labels of an operator that makes its claims itself
	orderChart               // labels of a chart's, or of an operator's for its StatefulSets
	orderAnyChart            // labels that StatefulSets of any chart may have
	orderForeign             // not Kafka's
)

// Operator is what makes the claims of a dialect from resources of its own. These
// tell more of a volume, and a restore has to pause the operator in its own way.
type Operator string

// dialects are in the order in which they are asked.
var dialects []Dialect

// register adds a dialect to those that are asked, in its place. It returns it,
// so that the declaration of a variable can call it.
func register(d Dialect) Dialect { //nolint:unparam // see above
	selector, err := labels.Parse(d.Selector)
	if err != nil {
		panic("dialect " + d.Name + ": " + err.Error())
	}
	if slices.ContainsFunc(dialects, func(other Dialect) bool { return other.Name == d.Name }) {
		panic("two dialects are named " + d.Name)
	}
	d.selector = selector
	dialects = append(dialects, d)
	slices.SortFunc(dialects, func(a, b Dialect) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Name, b.Name))
	})
	return d
}

// dialect is the one that knew the volume. Without one it says nothing.
func (v Volume) dialect() *Dialect {
	i := slices.IndexFunc(dialects, func(d Dialect) bool { return d.Name == v.Dialect })
	if i < 0 {
		return &Dialect{}
	}
	return &dialects[i]
}

// Dialects returns the dialects whose claims can be broker volumes.
func Dialects() []Dialect {
	return slices.DeleteFunc(slices.Clone(dialects), func(d Dialect) bool { return d.foreign })
}

// Matches reports whether the dialect's selector matches these labels.
func (d Dialect) Matches(set map[string]string) bool {
	return d.selector.Matches(labels.Set(set))
}

// Operator is what makes the volume's claims; empty: StatefulSets, or nobody knows.
func (v Volume) Operator() Operator { return v.dialect().Operator }

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
		v.GeneratedName = v.GeneratedName || d.generatedNames
		return v, true
	}
	return selected(namespace, pvc, backups)
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
