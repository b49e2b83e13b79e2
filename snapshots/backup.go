package snapshots

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Backup is a KafkaBackup with its texts parsed.
type Backup struct {
	Namespace   string
	Name        string
	UID         types.UID
	Cluster     string
	Annotations map[string]string
	IsConfigMap bool // it is held by a ConfigMap

	Class          string         // name of the VolumeSnapshotClass
	Retention      Retention      // what is kept
	Deadline       *time.Duration // how late a missed run may start; nil: any
	Suspended      bool
	ExcludeQuorum  bool            // see [Backup.Excludes]
	PromoteAfter   time.Duration   // when an empty-born volume's snapshots count as good
	VolumeSelector labels.Selector // nil: none
}

// maxDeadline is the most that startingDeadlineSeconds may be.
const maxDeadline = 366 * 24 * 60 * 60

// NewBackup parses a KafkaBackup. The error names the field that is wrong and
// what it should be; the Backup is then good for looking up annotations and
// volumes, not for running.
func NewBackup(kb *v1alpha1.KafkaBackup) (Backup, error) {
	b := Backup{
		Namespace:   kb.Namespace,
		Name:        kb.Name,
		UID:         kb.UID,
		Cluster:     kb.Spec.ClusterRef,
		Annotations: kb.Annotations,
		IsConfigMap: IsConfigMap(kb),
		Class:       kb.Spec.VolumeSnapshotClassName,
		Suspended:   kb.Spec.Suspend,

		ExcludeQuorum: kb.Spec.ExcludeQuorum,
		PromoteAfter:  defaultPromoteAfter,
	}
	if s := kb.Spec.VolumeSelector; s != nil {
		if s.Size() > maxSpec {
			return b, fmt.Errorf("spec.volumeSelector: must have at most %d bytes", maxSpec)
		}
		selector, err := metav1.LabelSelectorAsSelector(s)
		if err != nil {
			return b, fmt.Errorf("spec.volumeSelector: %w", told(err))
		}
		b.VolumeSelector = selector
	}
	if kb.Spec.RetentionTime != "" {
		d, err := time.ParseDuration(kb.Spec.RetentionTime)
		if err != nil || d <= 0 {
			return b, fmt.Errorf("spec.retentionTime %q: must be a positive duration such as \"12h\"", Quotable(kb.Spec.RetentionTime))
		}
		b.Retention.Time = d
	}
	if n := kb.Spec.RetentionCount; n != nil {
		if *n < minKept {
			return b, fmt.Errorf("spec.retentionCount %d: must be at least %d", *n, minKept)
		}
		b.Retention.Count = int(*n)
	}
	if s := kb.Spec.StartingDeadlineSeconds; s != nil {
		if *s < 0 || *s > maxDeadline {
			return b, fmt.Errorf("spec.startingDeadlineSeconds %d: must be from 0 to %d, a year", *s, maxDeadline)
		}
		d := time.Duration(*s) * time.Second
		b.Deadline = &d
	}
	if kb.Spec.PromoteAfter != "" {
		d, err := time.ParseDuration(kb.Spec.PromoteAfter)
		if err != nil || d <= 0 {
			return b, fmt.Errorf("spec.promoteAfter %q: must be a positive duration such as \"24h\"", Quotable(kb.Spec.PromoteAfter))
		}
		b.PromoteAfter = d
	}
	if b.Class == "" {
		return b, fmt.Errorf("spec.volumeSnapshotClassName: must name a VolumeSnapshotClass")
	}
	return b, nil
}

// Excludes reports whether runs leave volumes of this role out. A combined
// node's are never left out: they hold topics.
func (b Backup) Excludes(role Role) bool {
	return b.ExcludeQuorum && (role == RoleController || role == RoleZooKeeper)
}

// Key is the name of the object that the backup was read from.
func (b Backup) Key() types.NamespacedName {
	return types.NamespacedName{Namespace: b.Namespace, Name: b.Name}
}

// Lean is the backup with nothing kept that no decision about a claim reads.
func (b Backup) Lean() Backup {
	return Backup{
		Namespace:      b.Namespace,
		Name:           b.Name,
		UID:            b.UID,
		Cluster:        b.Cluster,
		Annotations:    Controls(b.Annotations),
		IsConfigMap:    b.IsConfigMap,
		VolumeSelector: b.VolumeSelector,
	}
}

// Object is what Events about the backup are recorded on.
func (b Backup) Object() *v1alpha1.KafkaBackup {
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name, UID: b.UID}}
	if b.IsConfigMap {
		kb.TypeMeta = configMapKind
	}
	return kb
}

// byName sorts backups: caches and apiservers list in an order of their own.
func byName(backups []Backup) []Backup {
	if len(backups) < 2 {
		return backups
	}
	return slices.SortedFunc(slices.Values(backups), func(a, b Backup) int { return cmp.Compare(a.Name, b.Name) })
}
