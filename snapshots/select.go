package snapshots

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// oldAge is from when on a restored broker is warned about: Kafka's
// delete.retention.ms is 24 h by default, and beside healthy peers an older
// log brings deleted keys back.
const oldAge = 20 * time.Hour

// Decision is the answer to one claim.
type Decision struct {
	Outcome  v1alpha1.Outcome
	Reason   v1alpha1.Reason
	Snapshot *Snapshot // of a Restore
	Pin      string    // annotation by which people chose it; empty: it is the newest good one
	Message  string    // what happened, and what to do; the same for the same cause
	Warnings []string

	// Newer is the newest ready snapshot, if a Restore passes it over: what it has
	// is not restored. nil: the claim gets the newest.
	Newer *Considered

	// Annotations are what the claim is to carry from now on: of a Restore, what
	// only the snapshot has kept of the policy in force.
	Annotations map[string]string
}

// Claim is what the decision needs to know of a PVC that is being created.
type Claim struct {
	Volume     Volume
	Request    resource.Quantity
	VolumeMode corev1.PersistentVolumeMode
	Driver     string // provisioner of its StorageClass; empty: unknown
}

// Around is what the decision needs to know of the claim's neighbours: the
// live claims of its cluster, and the volumes that have none.
type Around struct {
	Duplicate string     // name of another live claim of this very volume; empty: none
	Quorum    Quorum     // of the cluster, for a volume that holds votes
	Recalled  bool       // its claim says that it is of another cluster, see [VolumeOfClaim]
	Siblings  [][]RunKey // of each disk of the broker that was lost together with this one: the runs it can be restored from
	Released  string     // PV of the lost claim, if it is still there; empty: none
	Restoring int        // claims of other brokers that are being restored now

	pace pace // of the cluster's runs
}

// HasOutlived reports whether the cluster has gone on without the volume, since
// the newest of these snapshots of it.
func (a Around) HasOutlived(own []Snapshot) bool {
	candidates := Candidates(own)
	return len(candidates) > 0 && a.pace.outlived(candidates[0])
}

// NoSnapshots answers every claim of a cluster that has no VolumeSnapshots at
// all: its CRDs are not installed.
func NoSnapshots(v Volume) Decision {
	return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonNoSnapshot, Message: fmt.Sprintf(
		"%s starts empty: this cluster does not know VolumeSnapshots: install the CRDs of the CSI external-snapshotter", v)}
}

// CreatorChose reports whether the creator of the claim has said what it is
// to be filled or bound with, or fills it itself. Such a claim is left alone.
func CreatorChose(pvc *corev1.PersistentVolumeClaim) (Decision, bool) {
	d := Decision{Outcome: v1alpha1.OutcomeAllow}
	switch {
	case Filled(pvc):
		d.Reason = v1alpha1.ReasonDataSourceSet
	case pvc.Spec.VolumeName != "":
		d.Reason = v1alpha1.ReasonVolumeNameSet
	case pvc.Spec.Selector != nil:
		d.Reason = v1alpha1.ReasonSelectorSet
	case OtherRestores(pvc):
		d.Reason = v1alpha1.ReasonOtherRestore
		d.Message = "snapback leaves this claim alone, since another tool's restore makes it and is to fill it: if that has no data for it, delete the claim and its pod when it is over, and let its operator make it again"
	default:
		return Decision{}, false
	}
	return d, true
}

// Decide answers the claim of a broker volume, out of all snapshots of that
// volume. What was in force when the newest of them was taken counts where
// nothing nearer says otherwise.
func Decide(claim Claim, from PolicySource, around Around, all []Snapshot, now time.Time) Decision {
	from.Newest = Carries(all)
	policy, err := NewPolicy(from)
	if err != nil {
		return invalid(claim.Volume, err)
	}
	d := Select(claim, policy, around, all, now)
	if d.Outcome == v1alpha1.OutcomeRestore {
		d.Annotations = carriedOn(from, policy)
	}
	return d
}

// Carries are the annotations of the snapshot that tells what was in force when
// it was taken: the newest candidate, else one that cannot be read in full.
func Carries(all []Snapshot) map[string]string {
	if candidates := Candidates(all); len(candidates) > 0 {
		return candidates[0].Annotations
	}
	if s, ok := unreadable(all); ok {
		return s.Annotations
	}
	return nil
}

// Select decides what the claim of a broker volume gets under a policy.
func Select(claim Claim, policy Policy, around Around, all []Snapshot, now time.Time) Decision {
	claim.Volume = claim.Volume.Stricter(all)
	d := decide(claim, policy, around, all, now)
	if d.Outcome == v1alpha1.OutcomeRestore {
		d.Newer = newerPassedOver(claim, policy, around, all, d, now)
	}
	return d
}

func decide(claim Claim, policy Policy, around Around, all []Snapshot, now time.Time) Decision {
	candidates := Candidates(all)
	switch policy[v1alpha1.AnnotationRestore] {
	case "":
		return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonNotOptedIn}
	case v1alpha1.ValueOff:
		return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonOptedOut}
	}
	if around.Duplicate != "" {
		return duplicate(claim.Volume, around.Duplicate)
	}
	if len(candidates) == 0 {
		if s, ok := unreadable(all); ok {
			return unusable(v1alpha1.ReasonUnreadable, fmt.Sprintf("VolumeSnapshot %s cannot be read: %s: correct it, or delete that VolumeSnapshot", s.Name, s.Unreadable), claim.Volume, policy)
		}
		return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonNoSnapshot,
			Message: fmt.Sprintf("%s has no snapshot and starts empty, as a new volume does", claim.Volume)}
	}
	pins, err := pinsOf(candidates, now)
	if err != nil {
		return invalid(claim.Volume, err)
	}
	if pins.empty != "" {
		return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonOptedOut,
			Message: fmt.Sprintf("%s starts EMPTY, as %s on VolumeSnapshot %s says", claim.Volume, v1alpha1.AnnotationStartEmptyUntil, pins.empty)}
	}
	if pins.next == nil || forgotten(claim.Volume, around, *pins.next) { // who pins a snapshot has decided about its volume
		if d, decided := quorum(claim.Volume, policy, around.Quorum); decided {
			return d
		}
	}
	newest := candidates[0]
	if pins.next == nil {
		candidates = eligible(candidates, claim.Volume, policy)
		if candidates = cutBefore(candidates, policy); len(candidates) == 0 {
			return unusable(v1alpha1.ReasonNothingBefore, fmt.Sprintf("none was cut at or before %s, which %s asks for", policy[v1alpha1.AnnotationRestoreBefore], v1alpha1.AnnotationRestoreBefore), claim.Volume, policy)
		}
	} else {
		candidates = []Snapshot{*pins.next}
	}
	pin := ""
	switch _, before := policy.before(); {
	case pins.next != nil:
		pin = v1alpha1.AnnotationRestoreNext
	case before:
		pin = v1alpha1.AnnotationRestoreBefore
	}
	chosen, together := choose(candidates, around.Siblings)
	if d, decided := orphaned(claim.Volume, policy, around, chosen, newest, now); decided && pins.next == nil {
		return d
	}
	if reason, text := misfit(claim, chosen, policy, now); reason != "" {
		return unusable(reason, text, claim.Volume, policy)
	}
	d := restore(claim.Volume, chosen, now)
	d.Pin = pin
	d.Warnings = append(d.Warnings, warnings(claim.Volume, around, together)...)
	return d
}

func restore(v Volume, s Snapshot, now time.Time) Decision {
	d := Decision{
		Outcome:  v1alpha1.OutcomeRestore,
		Reason:   v1alpha1.ReasonRestored,
		Snapshot: &s,
		Message: fmt.Sprintf("%s is restored from VolumeSnapshot %s of %s; what was written to it after that must come from its replicas",
			v, s.Name, s.Scheduled.UTC().Format(time.RFC3339)),
	}
	if !s.Ready {
		d.Reason = v1alpha1.ReasonWaitingForSnapshot
		d.Message = fmt.Sprintf("%s waits for VolumeSnapshot %s of %s, which is cut but not ready: the claim stays Pending until it is",
			v, s.Name, s.Scheduled.UTC().Format(time.RFC3339))
	}
	if age := now.Sub(s.Scheduled); age > oldAge {
		d.Warnings = append(d.Warnings, fmt.Sprintf("VolumeSnapshot %s is %s old: keys of compacted topics that were deleted since may come back (Kafka's delete.retention.ms)",
			s.Name, age.Round(time.Hour)))
	}
	return d
}

// warnings tells what a person should look at once the claim is restored.
func warnings(v Volume, around Around, together bool) (said []string) {
	if !together {
		said = append(said, fmt.Sprintf("%s and the broker's other lost disks come from different runs: a partition that moved between them stops the broker with \"Duplicate log directories\"", v))
	}
	if around.Released != "" {
		said = append(said, fmt.Sprintf("PersistentVolume %s, which the lost claim was bound to, is still there: it has what was written after the snapshot", around.Released))
	}
	if around.Restoring > 0 {
		said = append(said, fmt.Sprintf("other brokers of cluster %s are being restored now (claims: %d): partitions whose replicas were all lost go back to the newest of their snapshots", v.Cluster, around.Restoring))
	}
	return said
}

func duplicate(v Volume, other string) Decision {
	return Decision{Outcome: v1alpha1.OutcomeDeny, Reason: v1alpha1.ReasonDuplicateVolume, Message: fmt.Sprintf(
		"snapback refuses this claim: claim %s is of the same volume, %s, and is there: delete one of the two if it is really lost, and its pod", other, v)}
}

func invalid(v Volume, err error) Decision {
	return Decision{Outcome: v1alpha1.OutcomeDeny, Reason: v1alpha1.ReasonInvalidAnnotation, Message: fmt.Sprintf(
		"snapback refuses this claim, since it cannot tell whether %s is to be restored: %v: correct it on the claim, the KafkaBackup, the namespace or the VolumeSnapshot", v, err)}
}

// SnapshotName is the name of the snapshot of a Restore; empty otherwise.
func (d Decision) SnapshotName() string {
	if d.Snapshot == nil {
		return ""
	}
	return d.Snapshot.Name
}

// Said are all warnings of the decision: a newer snapshot is never passed over
// without a word.
func (d Decision) Said() []string {
	if d.Newer == nil {
		return d.Warnings
	}
	return append(slices.Clone(d.Warnings), fmt.Sprintf("the claim does not get the newest ready VolumeSnapshot, %s of %s: %s",
		d.Newer.Name, d.Newer.Scheduled.UTC().Format(time.RFC3339), d.Newer.Why))
}
