package snapshots

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Dialect describes how one operator or chart names and labels its PVCs. Each has
// a file of its own, dialect_<name>.go, which registers it. A field that is not
// set means the same as for StatefulSets.
type Dialect struct {
	Name string

	// Selector matches the labels of its claims. The webhook configuration has an
	// entry with the same selector.
	Selector string

	// Operator makes the claims; empty: StatefulSets do.
	Operator Operator

	// order says when the dialect is asked: lower ones first, those of the same
	// order by name. The first dialect whose selector matches a claim answers.
	order int

	// identify returns the volume of a claim that the selector matches. It reports
	// false if that is no broker volume. The claim's name may be empty.
	identify func(pvc *corev1.PersistentVolumeClaim) (Volume, bool)

	// annotations are the keys that identify reads from a claim. Caches keep these.
	annotations []string

	// ownKeys says that the dialect's name is part of its volumes' keys. The other
	// dialects share the keys of StatefulSets, since a chart may change its labels.
	ownKeys bool

	// generatedNames says that the operator lets the apiserver name its claims.
	generatedNames bool

	// saysSlot says that a person has named the slot by labels. saysCluster says
	// that the cluster is a resource of the operator, which cannot be renamed.
	// Snapshots of the claim's name that name another one do not count then. See
	// [Overrules].
	saysSlot, saysCluster bool

	// foreign says that none of its claims is a broker volume, so that no entry
	// of the webhook configuration asks about them.
	foreign bool

	selector labels.Selector
}

// The orders of dialects.
const (
	orderExplicit = iota - 2 // labels of a person on the claim itself
	orderOperator            // labels of an operator that makes the claims itself
	orderChart               // labels of a chart, or of an operator that makes StatefulSets
	orderAnyChart            // labels that the StatefulSets of any chart may have
	orderForeign             // labels of claims that are not Kafka's
)

// Operator is the name of an operator that makes the claims of a dialect from
// its own custom resources. These say more about a volume, and a restore must
// pause each operator in another way.
type Operator string

// dialects are in the order in which they are asked.
var dialects []Dialect

// register adds a dialect to dialects, in its order. It returns the dialect, so
// that the declaration of a variable can call it.
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

// dialect returns the dialect that identified the volume, or an empty one.
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

// Operator returns the operator that makes the volume's claims; empty:
// StatefulSets make them, or it is unknown.
func (v Volume) Operator() Operator { return v.dialect().Operator }

// Identify returns the broker volume of a PVC, and reports false if it has none.
// The namespace is a parameter, since a PVC at admission may not carry it yet. A
// claim that no dialect knows belongs to the first of the backups, by name, whose
// volumeSelector matches it. The claim of a drill is never a broker's.
func Identify(namespace string, pvc *corev1.PersistentVolumeClaim, backups []Backup) (Volume, bool) {
	if IsDrill(pvc) {
		return Volume{}, false
	}
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

// pick returns the labels that have one of the keys.
func pick(set map[string]string, keys ...string) map[string]string {
	picked := map[string]string{}
	for _, k := range keys {
		if v, ok := set[k]; ok {
			picked[k] = v
		}
	}
	return picked
}
