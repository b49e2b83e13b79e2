package snapshots

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// oldAge is from when on a restored broker is warned about: Kafka's
// delete.retention.ms is 24 h by default, and beside healthy peers an older
// log brings deleted keys back.
const oldAge = 20 * time.Hour

// Decision is the answer to one claim.
type Decision struct {
	Outcome  Outcome
	Reason   Reason
	Snapshot *Snapshot // of a Restore
	Message  string    // what happened, and what to do; the same for the same cause
	Warnings []string
}

// Claim is what the decision needs to know of a PVC that is being created.
type Claim struct {
	Volume     Volume
	Request    resource.Quantity
	VolumeMode corev1.PersistentVolumeMode
	Driver     string // provisioner of its StorageClass; empty: unknown
}

// CreatorChose reports whether the creator of the claim has said what it is
// to be filled or bound with. Such a claim is left alone.
func CreatorChose(pvc *corev1.PersistentVolumeClaim) (Decision, bool) {
	d := Decision{Outcome: Allow}
	switch {
	case pvc.Spec.DataSource != nil || pvc.Spec.DataSourceRef != nil:
		d.Reason = DataSourceSet
	case pvc.Spec.VolumeName != "":
		d.Reason = VolumeNameSet
	case pvc.Spec.Selector != nil:
		d.Reason = SelectorSet
	default:
		return Decision{}, false
	}
	return d, true
}

// Decide answers the claim of a broker volume, out of all snapshots of that
// volume. What was in force when the newest of them was taken counts where
// nothing nearer says otherwise.
func Decide(claim Claim, from PolicySource, all []Snapshot, now time.Time) Decision {
	if candidates := Candidates(all); len(candidates) > 0 {
		from.Newest = candidates[0].Annotations
	}
	policy, err := NewPolicy(from)
	if err != nil {
		return Decision{Outcome: Deny, Reason: InvalidAnnotation,
			Message: fmt.Sprintf("snapback refuses this claim, since it cannot tell whether %s is to be restored: %v: correct it on the claim, the KafkaBackup or the namespace", claim.Volume, err)}
	}
	return Select(claim, policy, all, now)
}

// Select decides what the claim of a broker volume gets under a policy.
func Select(claim Claim, policy Policy, all []Snapshot, now time.Time) Decision {
	switch policy[AnnotationRestore] {
	case "":
		return Decision{Outcome: Allow, Reason: NotOptedIn}
	case valueOff:
		return Decision{Outcome: Allow, Reason: OptedOut}
	}
	candidates := Candidates(all)
	if len(candidates) == 0 {
		return Decision{Outcome: Allow, Reason: NoSnapshot,
			Message: fmt.Sprintf("snapback: %s has no snapshot and starts empty, as a new volume does", claim.Volume)}
	}
	if d, undecided := quorum(claim.Volume, policy); undecided {
		return d
	}
	chosen := candidates[0]
	if i := slices.IndexFunc(candidates, func(s Snapshot) bool { return s.Ready }); i >= 0 {
		chosen = candidates[i]
	}
	if reason, text := misfit(claim, chosen); reason != "" {
		return unusable(reason, text, policy)
	}
	return restore(claim.Volume, chosen, now)
}

// Candidates are the snapshots that there is something to restore from, the
// newest first: cut, and not being deleted. An uncut one would be cut later,
// from the new and empty volume.
func Candidates(all []Snapshot) []Snapshot {
	candidates := slices.DeleteFunc(slices.Clone(all), func(s Snapshot) bool {
		return s.Deleting || s.Cut.IsZero()
	})
	slices.SortFunc(candidates, newestFirst)
	return candidates
}

func newestFirst(a, b Snapshot) int {
	return cmp.Or(b.Scheduled.Compare(a.Scheduled), cmp.Compare(b.Name, a.Name))
}

func restore(v Volume, s Snapshot, now time.Time) Decision {
	d := Decision{
		Outcome:  Restore,
		Reason:   Restored,
		Snapshot: &s,
		Message: fmt.Sprintf("snapback: %s is restored from VolumeSnapshot %s of %s; what was written to it after that must come from its replicas",
			v, s.Name, s.Scheduled.UTC().Format(time.RFC3339)),
	}
	if !s.Ready {
		d.Reason = WaitingForSnapshot
		d.Message = fmt.Sprintf("snapback: %s waits for VolumeSnapshot %s of %s, which is cut but not ready: the claim stays Pending until it is",
			v, s.Name, s.Scheduled.UTC().Format(time.RFC3339))
	}
	if age := now.Sub(s.Scheduled); age > oldAge {
		d.Warnings = append(d.Warnings, fmt.Sprintf("snapback: VolumeSnapshot %s is %s old: keys of compacted topics that were deleted since may come back (Kafka's delete.retention.ms)",
			s.Name, age.Round(time.Hour)))
	}
	return d
}

// quorum decides about volumes that hold votes: never by default, since a
// quorum member from the past can lose what was agreed on.
func quorum(v Volume, policy Policy) (Decision, bool) {
	if !v.Role.Quorum() {
		return Decision{}, false
	}
	switch policy[AnnotationRestoreQuorum] {
	case valueTrue:
		return Decision{}, false
	case valueEmpty:
		return Decision{
			Outcome: Allow, Reason: QuorumVolume,
			Message: fmt.Sprintf("snapback: %s is the volume of a %s and starts empty, as %s says; its snapshots stay", v, v.Role, AnnotationRestoreQuorum),
		}, true
	}
	return Decision{
		Outcome: Deny, Reason: QuorumUndecided,
		Message: fmt.Sprintf("snapback refuses this claim: %s is the volume of a %s, which holds votes of the quorum, and nobody has said what happens to it. "+
			"Annotate the KafkaBackup of cluster %s with %s=true to restore it, or with %s=empty to let it start empty, if the majority of its peers is well",
			v, v.Role, v.Cluster, AnnotationRestoreQuorum, AnnotationRestoreQuorum),
	}, true
}

// misfit tells why the provisioner would refuse to fill the claim from the
// snapshot. Source: external-provisioner, getSnapshotSource.
func misfit(c Claim, s Snapshot) (Reason, string) {
	switch {
	case s.Driver != "" && c.Driver != "" && s.Driver != c.Driver:
		return DriverMismatch, fmt.Sprintf("it was taken by driver %s, the claim's StorageClass provisions with %s: use a StorageClass of that driver", s.Driver, c.Driver)
	case s.VolumeMode != "" && s.VolumeMode != c.VolumeMode:
		return VolumeModeMismatch, fmt.Sprintf("its volumeMode is %s, the claim's is %s: ask for the same", s.VolumeMode, c.VolumeMode)
	case s.Size != nil && c.Request.Cmp(*s.Size) < 0:
		return TooSmall, fmt.Sprintf("it needs %s, the claim requests %s: request at least as much", s.Size.String(), c.Request.String())
	}
	return "", ""
}

// unusable is the answer when the newest snapshot does not fit: an empty
// broker would be silent loss, an older snapshot a silent rollback.
func unusable(reason Reason, text string, policy Policy) Decision {
	if policy[AnnotationRestoreUnusable] == valueEmpty {
		return Decision{
			Outcome: Allow, Reason: reason,
			Message: fmt.Sprintf("snapback: this volume starts EMPTY, as %s says: its newest snapshot does not fit: %s", AnnotationRestoreUnusable, text),
		}
	}
	return Decision{
		Outcome: Deny, Reason: reason,
		Message: fmt.Sprintf("snapback refuses this claim, which would start empty although there is a snapshot of its volume: %s; or annotate it %s=empty to do without its data",
			strings.TrimSuffix(text, "."), AnnotationRestoreUnusable),
	}
}

// SnapshotName is the name of the snapshot of a Restore; empty otherwise.
func (d Decision) SnapshotName() string {
	if d.Snapshot == nil {
		return ""
	}
	return d.Snapshot.Name
}
