package snapshots

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// oldAge is the age of a snapshot above which a restore gives a warning. Kafka's
// delete.retention.ms is 24 h by default: beside healthy peers an older log brings
// deleted keys back.
const oldAge = 20 * time.Hour

// Decision is the answer to one claim.
type Decision struct {
	Outcome  v1alpha1.Outcome
	Reason   v1alpha1.Reason
	Snapshot *Snapshot // of a restore
	Pin      string    // the annotation by which people chose it; empty: it is the newest good one
	Message  string    // what happened, and what to do; the same for the same cause
	Warnings []string

	// Newer is the newest ready snapshot, if a restore passes it over: its data is
	// not restored. nil: the claim gets the newest.
	Newer *Considered

	// Annotations are to be set on the claim. For a restore these are the
	// annotations of the policy that only the snapshot still has.
	Annotations map[string]string
}

// Claim holds the facts of a PVC that is being created, as far as its decision
// needs them.
type Claim struct {
	Volume      Volume
	Annotations map[string]string // the PVC's own
	Request     resource.Quantity
	VolumeMode  corev1.PersistentVolumeMode
	Driver      string // provisioner of its StorageClass; empty: unknown
	Around      Around // zero: not looked up yet
}

// Around holds the facts of the claim's neighbours that its decision needs: of the
// live claims of its cluster, and of the volumes without a claim.
type Around struct {
	Duplicate string     // name of another live claim of this very volume; empty: none
	Quorum    Quorum     // of the cluster, for a volume that holds votes
	Recalled  bool       // the claim names another cluster than its snapshots, see [VolumeOfClaim]
	Siblings  [][]RunKey // for each disk of the broker that was lost together with this one, the runs it can be restored from
	Released  string     // name of the lost claim's PersistentVolume, if it still exists; empty: none
	Restoring int        // claims of other brokers that are being restored now

	pace pace // of the cluster's runs
}

// HasOutlived reports whether the cluster has gone on without the volume since
// the newest of its snapshots, which own holds.
func (a Around) HasOutlived(own []Snapshot) bool {
	newest := Newest(own)
	return newest != nil && a.pace.outlived(*newest)
}

// NoSnapshots returns the answer to every claim in a Kubernetes cluster in which
// the CRDs of VolumeSnapshots are not installed.
func NoSnapshots(v Volume) Decision {
	return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonNoSnapshot, Message: fmt.Sprintf(
		"%s starts empty: this cluster does not know VolumeSnapshots: install the CRDs of the CSI external-snapshotter", v)}
}

// CreatorChose reports whether the creator of the claim has chosen a source or a
// volume for it, or fills it itself. Such a claim is left alone, and the decision
// says why.
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
		d.Message = "snapback leaves this claim alone, since another tool's restore creates it and should fill it: if that tool has no data for it, delete the claim and its pod after that restore, and let the operator create it again"
	default:
		return Decision{}, false
	}
	return d, true
}

// selection is the decision of one claim, under a policy.
type selection struct {
	claim      Claim
	policy     Policy
	candidates []Snapshot // of its volume
	now        time.Time
}

// decide takes the claim through all stages. all holds the snapshots of its volume.
func (s *selection) decide(all []Snapshot, t trace) Decision {
	next, d, decided := s.unasked(all)
	if decided {
		t.undo(d.Reason)
		return d
	}
	v, around := s.claim.Volume, s.claim.Around
	chosen, ok := s.choose(next, t)
	if !ok {
		return unusable(v1alpha1.ReasonNothingBefore, fmt.Sprintf("none was cut at or before %s, which %s asks for", s.policy[v1alpha1.AnnotationRestoreBefore], v1alpha1.AnnotationRestoreBefore), v, s.policy)
	}
	if next == nil {
		if d, decided := orphaned(v, s.policy, around, chosen, s.candidates[0], s.now); decided {
			t.undo(d.Reason)
			return d
		}
	}
	if reason, text := misfit(s.claim, chosen.Snapshot, s.policy, s.now); reason != "" {
		t.refuse(reason)
		return unusable(reason, text+chosen.besides(), v, s.policy)
	}
	d = restore(v, chosen.Snapshot, s.now)
	d.Pin = s.pin(next)
	d.Warnings = append(d.Warnings, damageWarning(chosen.Snapshot, next != nil)...)
	d.Warnings = append(d.Warnings, warnings(v, around, chosen.together)...)
	return d
}

// unasked decides about claims whose answer does not depend on the snapshot that
// they would get. Otherwise it returns the snapshot that a person has pinned;
// nil: none.
func (s *selection) unasked(all []Snapshot) (next *Snapshot, d Decision, decided bool) {
	v, around := s.claim.Volume, s.claim.Around
	switch s.policy[v1alpha1.AnnotationRestore] {
	case "":
		return nil, Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonNotOptedIn}, true
	case v1alpha1.ValueOff:
		return nil, Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonOptedOut}, true
	}
	if around.Duplicate != "" {
		return nil, duplicate(v, around.Duplicate), true
	}
	if len(s.candidates) == 0 {
		if bad, ok := unreadable(all); ok {
			return nil, unusable(v1alpha1.ReasonUnreadable, fmt.Sprintf("VolumeSnapshot %s cannot be read: %s: correct it, or delete that VolumeSnapshot", bad.Name, bad.Unreadable), v, s.policy), true
		}
		return nil, Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonNoSnapshot,
			Message: fmt.Sprintf("%s has no snapshot and starts empty, as a new volume does", v)}, true
	}
	pins, err := pinsOf(s.candidates, s.now)
	if err != nil {
		return nil, invalid(v, err), true
	}
	if pins.empty != "" {
		return nil, Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonOptedOut,
			Message: fmt.Sprintf("%s starts EMPTY, as %s on VolumeSnapshot %s says", v, v1alpha1.AnnotationStartEmptyUntil, pins.empty)}, true
	}
	if pins.next == nil || forgotten(v, around, *pins.next) { // a person who pins a snapshot has decided about its volume
		d, decided = quorum(v, s.policy, around.Quorum)
	}
	return pins.next, d, decided
}

// choice is the snapshot that a claim gets if it fits.
type choice struct {
	Snapshot
	together bool     // see [choose]
	last     Snapshot // see [lastOf]
}

// choose returns the snapshot that the claim gets if it fits. Each stage leaves
// out snapshots that the claim must not get. ok is false if all were cut after the
// time that people ask for.
func (s *selection) choose(next *Snapshot, t trace) (c choice, ok bool) {
	rest := s.candidates
	if next != nil {
		rest = []Snapshot{*next}
		t.leavePinned(rest)
	} else {
		rest = eligible(rest, s.claim.Volume, s.policy, t)
		rest = cutBefore(rest, s.policy, t)
	}
	if len(rest) == 0 {
		return choice{}, false
	}
	c.Snapshot, c.together = choose(sound(rest, t), s.claim.Around.Siblings)
	c.last = lastOf(rest, c.Snapshot)
	t.choose(c.Snapshot)
	return c, true
}

// pin returns the annotation by which people have chosen the snapshot; empty: they
// have not.
func (s *selection) pin(next *Snapshot) string {
	if next != nil {
		return v1alpha1.AnnotationRestoreNext
	}
	if _, before := s.policy.before(); before {
		return v1alpha1.AnnotationRestoreBefore
	}
	return ""
}

// newer returns the newest ready snapshot that a restore from the chosen one
// passes over, and why; nil: the claim gets the newest. Without a trace, the
// choice is made once more, traced for this snapshot only.
func (s *selection) newer(all []Snapshot, chosen Snapshot, t trace) *Considered {
	var newest *Snapshot
	for i := range all {
		o := &all[i]
		if o.Ready && byAge(o, &chosen) < 0 && (newest == nil || byAge(o, newest) < 0) {
			newest = o
		}
	}
	if newest == nil {
		return nil
	}
	if t == nil {
		t = newTrace([]Snapshot{*newest})
		pins, _ := pinsOf(s.candidates, s.now) // without a mistake, since there is a restore
		s.choose(pins.next, t)
	}
	return t.find(newest.Name)
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

// warnings returns texts about facts that a person should check after the restore.
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
		"snapback refuses this claim: claim %s is of the same volume, %s, and still exists: if one of the two is really lost, delete it and its pod", other, v)}
}

func invalid(v Volume, err error) Decision {
	return Decision{Outcome: v1alpha1.OutcomeDeny, Reason: v1alpha1.ReasonInvalidAnnotation, Message: fmt.Sprintf(
		"snapback refuses this claim, since it cannot tell whether %s is to be restored: %v: correct it on the claim, the KafkaBackup, the namespace or the VolumeSnapshot", v, err)}
}

// SnapshotName returns the name of the snapshot of a restore; empty: it is none.
func (d Decision) SnapshotName() string {
	if d.Snapshot == nil {
		return ""
	}
	return d.Snapshot.Name
}

// Said returns all warnings of the decision. One of them names a newer snapshot,
// if that is passed over.
func (d Decision) Said() []string {
	if d.Newer == nil {
		return d.Warnings
	}
	return append(slices.Clone(d.Warnings), fmt.Sprintf("the claim does not get the newest ready VolumeSnapshot, %s of %s: %s",
		d.Newer.Name, d.Newer.Scheduled.UTC().Format(time.RFC3339), d.Newer.Why))
}
