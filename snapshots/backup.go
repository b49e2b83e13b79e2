package snapshots

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Backup is a KafkaBackup whose text fields are parsed.
type Backup struct {
	Namespace   string
	Name        string
	UID         types.UID
	Cluster     string
	Annotations map[string]string
	IsConfigMap bool // a ConfigMap holds it

	Class          string         // name of the VolumeSnapshotClass
	Retention      Retention      // which snapshots are kept
	Deadline       *time.Duration // how late a missed run may start; nil: any
	Suspended      bool
	Times          *schedule.Schedule // when runs are due; nil: the spec has a mistake there, which [Times] returns
	ExcludeQuorum  bool               // see [Backup.Excludes]
	PromoteAfter   time.Duration      // the age at which an empty-born volume's data counts as good
	VolumeSelector labels.Selector    // nil: none
}

// NewBackup parses a KafkaBackup. The CRD holds the rules of the spec. The error
// here is only for a value that cannot be parsed, since an older CRD may have
// accepted it. It names the field and what its value must be. The Backup is then
// good for looking up annotations and volumes, but not for runs.
func NewBackup(kb *v1alpha1.KafkaBackup) (Backup, error) {
	spec := &kb.Spec
	b := Backup{
		Namespace:   kb.Namespace,
		Name:        kb.Name,
		UID:         kb.UID,
		Cluster:     spec.ClusterRef,
		Annotations: kb.Annotations,
		IsConfigMap: IsConfigMap(kb),
		Class:       spec.VolumeSnapshotClassName,
		Deadline:    deadline(spec.StartingDeadlineSeconds),
		Suspended:   spec.Suspend,

		ExcludeQuorum: spec.ExcludeQuorum,
	}
	var selectorErr, retentionErr, promoteErr error
	b.VolumeSelector, selectorErr = volumeSelector(spec.VolumeSelector)
	b.Retention, retentionErr = retention(spec)
	b.PromoteAfter, promoteErr = duration("promoteAfter", spec.PromoteAfter, defaultPromoteAfter)
	if times, err := Times(kb); err == nil {
		b.Times = &times
	}
	if selectorErr != nil { // which snapshots are of its volumes is not known
		b.Retention = Retention{}
	}
	return b, cmp.Or(selectorErr, retentionErr, promoteErr)
}

// retention returns what a spec keeps: everything if a part of it is one that the
// CRD refuses. A ConfigMap may hold such a spec, and deleted snapshots do not come
// back when it is corrected.
func retention(spec *v1alpha1.KafkaBackupSpec) (Retention, error) {
	age, err := duration("retentionTime", spec.RetentionTime, 0)
	if err != nil || spec.RetentionCount != nil && *spec.RetentionCount < minKept {
		return Retention{}, err
	}
	return Retention{Time: age, Count: int(ptr.Deref(spec.RetentionCount, 0))}, nil
}

// volumeSelector returns the parsed selector of a spec; nil: the spec has none.
func volumeSelector(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return nil, nil
	}
	if s.Size() > maxSpec {
		return nil, fmt.Errorf("spec.volumeSelector: must have at most %d bytes", maxSpec)
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, fmt.Errorf("spec.volumeSelector: %w", told(err))
	}
	return selector, nil
}

// duration returns a duration of a spec, or the default unset if it is empty.
// Zero and less are errors: in a Backup they have another meaning.
func duration(field, text string, unset time.Duration) (time.Duration, error) {
	if text == "" {
		return unset, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return unset, fmt.Errorf("spec.%s %q: must be a positive duration such as \"12h\"", field, Quotable(text))
	}
	return d, nil
}

// deadline returns startingDeadlineSeconds as a duration; nil: no deadline. A
// number that no duration can hold (some centuries) is no deadline.
func deadline(seconds *int64) *time.Duration {
	if seconds == nil || *seconds > int64(math.MaxInt64/time.Second) {
		return nil
	}
	return ptr.To(time.Duration(*seconds) * time.Second)
}

// Excludes reports whether runs leave out volumes of this role. A combined
// node's volumes are never left out: they hold topics.
func (b Backup) Excludes(role Role) bool {
	return b.ExcludeQuorum && (role == RoleController || role == RoleZooKeeper)
}

// Key is the name of the object that the backup was read from.
func (b Backup) Key() types.NamespacedName {
	return types.NamespacedName{Namespace: b.Namespace, Name: b.Name}
}

// Lean returns the backup with only the fields that decisions about claims read.
func (b Backup) Lean() Backup {
	return Backup{
		Namespace:      b.Namespace,
		Name:           b.Name,
		UID:            b.UID,
		Cluster:        b.Cluster,
		Annotations:    Controls(b.Annotations),
		IsConfigMap:    b.IsConfigMap,
		Suspended:      b.Suspended,
		Times:          b.Times,
		ExcludeQuorum:  b.ExcludeQuorum,
		VolumeSelector: b.VolumeSelector,
	}
}

// Object returns the object on which Events about the backup are recorded.
func (b Backup) Object() *v1alpha1.KafkaBackup {
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name, UID: b.UID}}
	if b.IsConfigMap {
		kb.TypeMeta = configMapKind
	}
	return kb
}

// byName returns the backups sorted by name, since caches and apiservers list
// them in any order.
func byName(backups []Backup) []Backup {
	if len(backups) < 2 {
		return backups
	}
	return slices.SortedFunc(slices.Values(backups), func(a, b Backup) int { return cmp.Compare(a.Name, b.Name) })
}
