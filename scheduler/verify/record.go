package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// recordVerified records that a claim is bound to a volume with the data of its
// snapshot. This entry has the claim's UID, which the webhook did not know.
func (v *Verifier) recordVerified(s subject) {
	name := snapshots.SourceOf(s.PVC)
	all := s.known.Of(s.Volume)
	source := &snapshots.Snapshot{Name: name}
	if i := slices.IndexFunc(all, func(other snapshots.Snapshot) bool { return other.Name == name }); i >= 0 {
		source = &all[i]
	}
	entry := s.Volume.Entry(s.PVC, source, v1alpha1.HistoryVerified, string(v1alpha1.ReasonRestored))
	if source.Scheduled.IsZero() { // it was deleted since
		entry.Run = ""
	}
	entry.Message = "bound to PersistentVolume " + s.pv.Name
	v.History.Record(entry)
}

// recordUnproven records a claim that came back empty, with its UID.
func (v *Verifier) recordUnproven(c claims.Claim) {
	entry := c.Volume.Entry(c.PVC, nil, v1alpha1.HistoryFound, v1alpha1.EventLineageUnproven)
	entry.Message = "the claim came back empty: its volume is restored from the earlier snapshots until it is promoted"
	v.History.Record(entry)
}

func (v *Verifier) recordAbandoned(s subject, later, source snapshots.Snapshot) {
	entry := s.Volume.Entry(s.PVC, &later, v1alpha1.HistoryAbandoned, v1alpha1.EventTimelineForked)
	entry.Message = fmt.Sprintf("a person chose the older VolumeSnapshot %s", source.Name)
	v.History.Record(entry)
}

// recordAnswered records the pins that were taken off the source of a restore.
func (v *Verifier) recordAnswered(s subject, source snapshots.Snapshot) {
	for _, annotation := range snapshots.Answered(source) {
		v.History.Record(s.Volume.Entry(s.PVC, &source, v1alpha1.HistoryPinRemoved, strings.TrimPrefix(annotation, v1alpha1.Domain)))
	}
}
