package history

import (
	"slices"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// ClaimOf finds a claim by its UID; nil: it is of no volume of the layout.
func (h *History) ClaimOf(uid string) *Claim { return h.claims[uid] }

// SnapshotsOf are the snapshots of a volume.
func (h *History) SnapshotsOf(v plan.Volume) []*Snapshot {
	return h.snapshotsWhere(func(s *Snapshot) bool { return s.Volume.Key == v.Key })
}

func (h *History) snapshotsWhere(wanted func(*Snapshot) bool) (found []*Snapshot) {
	for _, s := range h.Snapshots {
		if wanted(s) {
			found = append(found, s)
		}
	}
	return found
}

// SnapshotAt finds a snapshot by its name at a revision; nil: there was none.
func (h *History) SnapshotAt(namespace, name string, revision int64) *Snapshot {
	for _, s := range slices.Backward(h.Snapshots) {
		if s.Namespace == namespace && s.Name == name && s.Life[0].Revision <= revision {
			return s
		}
	}
	return nil
}

// SourceOf is the snapshot that a claim was created from; nil: none, or it has never been
// there.
func (h *History) SourceOf(c *Claim) *Snapshot {
	if c.Source() == "" {
		return nil
	}
	return h.SnapshotAt(c.Namespace, c.Source(), c.First().Revision)
}

// Generation is how many restores there are between a claim and the first one of its
// data.
func (h *History) Generation(c *Claim) (n int) {
	for c != nil {
		source := h.SourceOf(c)
		if source == nil {
			break
		}
		c = h.ClaimOf(source.OriginAt(c.First().Revision).Claim)
		n++
	}
	return n
}

// ClaimAt is the claim that a volume had at a revision; nil: none.
func (h *History) ClaimAt(v plan.Volume, revision int64) *Claim {
	for _, c := range slices.Backward(h.Claims) {
		if c.Volume.Key == v.Key && c.First().Revision <= revision && c.Life.At(revision) != nil {
			return c
		}
	}
	return nil
}

// AdmissionOf is the answer that let a claim be created: the last one about its
// name before it was heard of. It reports false if there is none.
func (h *History) AdmissionOf(c *Claim) (record.Record, bool) {
	for _, r := range slices.Backward(h.Admissions) {
		a := r.Admission
		if r.Seq < c.First().Seq+slack && a.Namespace == c.Namespace && a.Allowed && !a.DryRun && a.Name == c.Volume.Claim && a.Snapshot == c.Source() &&
			!a.Began.After(c.First().Time) {
			return r, true
		}
	}
	return record.Record{}, false
}

// slack is by how many records the proxy's account may come after etcd's.
const slack = 100

// Run is the run that a snapshot is of; later runs have greater ones.
func (s *Snapshot) Run() string { return s.label(v1alpha1.LabelRun) }

// Backup is the KafkaBackup that a snapshot is of.
func (s *Snapshot) Backup() string { return s.label(v1alpha1.LabelBackup) }

func (s *Snapshot) label(key string) string {
	if first := s.Life[0].Object; first != nil {
		return first.Labels[key]
	}
	return ""
}

// Cut is when the storage took a snapshot, to the second; false: never.
func (s *Snapshot) Cut() (time.Time, bool) {
	for _, v := range s.Life {
		if v.Object != nil && v.Object.Status != nil && v.Object.Status.CreationTime != nil {
			return v.Object.Status.CreationTime.Time, true
		}
	}
	return time.Time{}, false
}

// Deleted is the first version that was being deleted, or gone; nil: it was not.
func (s *Snapshot) Deleted() *Version[snapshotv1.VolumeSnapshot] {
	for i, v := range s.Life {
		if v.Object == nil || v.Object.DeletionTimestamp != nil {
			return &s.Life[i]
		}
	}
	return nil
}

// Ready reports whether a version can be restored.
func Ready(vs *snapshotv1.VolumeSnapshot) bool {
	return vs != nil && vs.DeletionTimestamp == nil && vs.Status != nil && vs.Status.ReadyToUse != nil && *vs.Status.ReadyToUse
}

// Usable reports whether the webhook had to take a version into account: it is ready,
// and not about to be pruned.
func Usable(vs *snapshotv1.VolumeSnapshot) bool {
	if !Ready(vs) {
		return false
	}
	_, pruning := vs.Annotations[v1alpha1.AnnotationPruning]
	return !pruning
}

// BySnapback reports whether a component is one of Snapback's.
func BySnapback(component string) bool {
	return strings.HasPrefix(component, "webhook-") || strings.HasPrefix(component, "scheduler-")
}
