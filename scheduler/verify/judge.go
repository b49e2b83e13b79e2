package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// stuckAfter is how long a claim may wait to be filled.
const stuckAfter = 5 * time.Minute

// subject is a claim, with the input for judging where its data comes from.
type subject struct {
	claims.Claim
	pv           *corev1.PersistentVolume // the volume of a bound claim
	known        snapshots.Cluster
	policies     *claims.Policies
	optedIn      bool
	gone         bool                            // it waits for a snapshot that does not exist any more, or is being deleted
	optedOut     bool                            // it was opted out at some time since its creation
	history      []snapshots.Snapshot            // snapshots of the volume, if the claim may have started empty
	cluster      map[string][]snapshots.Snapshot // snapshots of all volumes, by hash; also only then
	promoteAfter time.Duration
}

// Finding is a problem of one claim, with what to do about it.
type Finding struct {
	PVC    *corev1.PersistentVolumeClaim
	Reason string
	Text   string
}

// Count counts the findings by reason. Reasons without a finding have the number
// 0.
func Count(found []Finding) map[string]int {
	counts := map[string]int{v1alpha1.ReasonRestoreNotHonoured: 0, v1alpha1.ReasonRestoreStuck: 0, v1alpha1.ReasonSnapshotGone: 0, v1alpha1.ReasonNotRestored: 0, string(v1alpha1.ReasonDuplicateVolume): 0}
	for _, f := range found {
		counts[f.Reason]++
	}
	return counts
}

// findings judges the claims of a cluster, and returns the findings in the order
// of the claims.
func findings(all []subject, now time.Time) []Finding {
	var found []Finding
	others := duplicates(all)
	for _, s := range all {
		if reason, text := s.judge(now); reason != "" {
			found = append(found, Finding{s.PVC, reason, text})
		}
		if names := others[s.PVC.Name]; len(names) > 0 {
			found = append(found, Finding{s.PVC, string(v1alpha1.ReasonDuplicateVolume), fmt.Sprintf(
				"volume %s has another live claim, %s: delete the claim that is not in use, and its pod", s.Volume, strings.Join(names, ", "))})
		}
	}
	return found
}

// judge returns what is wrong with a claim's data; empty: nothing.
func (s subject) judge(now time.Time) (reason, text string) {
	source := snapshots.SourceOf(s.PVC)
	bound := s.PVC.Status.Phase == corev1.ClaimBound
	switch {
	case s.PVC.DeletionTimestamp != nil || !s.optedIn:
	case source != "" && bound && !claims.MadeFor(s.pv, s.PVC):
		return v1alpha1.ReasonRestoreNotHonoured, fmt.Sprintf("PersistentVolume %s was not made for this claim and does not hold the data of VolumeSnapshot %s: "+
			"delete the claim and its pod, so that they are created again. If PersistentVolume %s is Available then, delete it, or it is bound again",
			s.PVC.Spec.VolumeName, source, s.PVC.Spec.VolumeName)
	case s.restoring() && s.gone:
		return v1alpha1.ReasonSnapshotGone, fmt.Sprintf("waits for VolumeSnapshot %s, which was deleted, and stays Pending for ever: "+
			"delete the claim and its pod, so that they are created again and the claim gets the newest snapshot that is there", source)
	case source != "" && snapshots.Unbound(s.PVC) && now.Sub(s.PVC.CreationTimestamp.Time) > stuckAfter:
		return v1alpha1.ReasonRestoreStuck, fmt.Sprintf("Pending for more than %s, waiting to be filled from VolumeSnapshot %s", stuckAfter, source)
	case bound && s.mayBeEmpty(now) && !s.optedOut && claims.MadeFor(s.pv, s.PVC):
		if name := s.missed(); name != "" {
			return v1alpha1.ReasonNotRestored, fmt.Sprintf("provisioned empty although VolumeSnapshot %s existed, so the webhook was not asked: "+
				"delete the claim and its pod, so that they are created again; or annotate the claim with %s=true if its data is good", name, v1alpha1.AnnotationPromote)
		}
	}
	return "", ""
}

// duplicates names, for each live claim, the other live claims of its volume.
func duplicates(all []subject) map[string][]string {
	live := map[string][]string{}
	for _, s := range all {
		if s.optedIn && s.PVC.DeletionTimestamp == nil {
			live[s.Volume.Hash()] = append(live[s.Volume.Hash()], s.PVC.Name)
		}
	}
	others := map[string][]string{}
	for _, names := range live {
		for _, name := range names {
			others[name] = slices.DeleteFunc(slices.Clone(names), func(other string) bool { return other == name })
		}
	}
	return others
}

// mayBeEmpty reports whether the claim has no source and may be one that should
// have had a source. After promoteAfter its own snapshots count as good.
func (s subject) mayBeEmpty(now time.Time) bool {
	return s.PVC.DeletionTimestamp == nil && !s.Volume.Role.Quorum() && !snapshots.OtherRestored(s.PVC) &&
		!snapshots.Filled(s.PVC) && s.PVC.Spec.Selector == nil &&
		s.PVC.Annotations[v1alpha1.AnnotationPromote] != v1alpha1.ValueTrue &&
		now.Sub(s.PVC.CreationTimestamp.Time) < s.promoteAfter
}

// due is the decision that the webhook had to make when the claim was created.
func (s subject) due() snapshots.Decision {
	c := snapshots.Claim{
		Volume:      s.Volume,
		Annotations: s.PVC.Annotations,
		Request:     s.PVC.Spec.Resources.Requests[corev1.ResourceStorage],
		VolumeMode:  ptr.Deref(s.PVC.Spec.VolumeMode, corev1.PersistentVolumeFilesystem),
	}
	if s.pv != nil && s.pv.Spec.CSI != nil {
		c.Driver = s.pv.Spec.CSI.Driver
	}
	then := s.known
	then.Snapshots = map[string][]snapshots.Snapshot{s.Volume.Hash(): s.earlier()}
	return then.Decide(c, s.PVC.CreationTimestamp.Time)
}

// asked reports whether the claim's volume is opted in to restores. For a claim
// that may have started empty, the moment of its creation counts. An invalid
// annotation counts as an opt-in, so that the claim is still judged.
func (s subject) asked() bool {
	if len(s.history) == 0 {
		policy, err := s.policies.Of(s.Claim)
		return err != nil || policy.OptedIn()
	}
	decided := s.due().Reason
	return decided != v1alpha1.ReasonNotOptedIn && decided != v1alpha1.ReasonOptedOut
}

// outlived reports whether the cluster had continued without the volume for so
// long when the claim was created that nobody can tell any more which it is: a
// volume that was lost, or a new one with the id of a removed node.
func (s subject) outlived(earlier []snapshots.Snapshot) bool {
	cluster := make(map[string][]snapshots.Snapshot, len(s.cluster))
	for hash, of := range s.cluster {
		cluster[hash] = s.before(of)
	}
	return snapshots.Outlived(earlier, cluster)
}

// earlier are the volume's snapshots from before the claim. Snapshots of this
// claim do not count: a made-up run can have one with an earlier time.
func (s subject) earlier() []snapshots.Snapshot { return s.before(s.history) }

func (s subject) before(all []snapshots.Snapshot) []snapshots.Snapshot {
	return slices.DeleteFunc(slices.Clone(all), func(other snapshots.Snapshot) bool {
		return !other.Scheduled.Before(s.PVC.CreationTimestamp.Time) || other.SourcePVCUID == string(s.PVC.UID)
	})
}

// missed names a snapshot that should have kept the claim from starting empty;
// empty: there is none.
func (s subject) missed() string {
	earlier := s.earlier()
	if len(earlier) == 0 || s.outlived(earlier) {
		return ""
	}
	switch d := s.due(); {
	case d.Outcome == v1alpha1.OutcomeRestore:
		return d.SnapshotName()
	case d.Outcome == v1alpha1.OutcomeDeny && d.Reason != v1alpha1.ReasonInvalidAnnotation:
		return snapshots.Candidates(earlier)[0].Name
	}
	return ""
}
