package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

const (
	stuckAfter  = 5 * time.Minute
	maxRestores = 10 // as the CRD says

	// newsFor is how long after its creation a claim that is found bound is
	// news: a new leader finds all that were ever restored.
	newsFor = time.Hour
)

// What the binder and the provisioners leave on a PersistentVolume.
const (
	annotationProvisionedBy     = "pv.kubernetes.io/provisioned-by"
	annotationBoundByController = "pv.kubernetes.io/bound-by-controller"
)

// subject is a claim with what it takes to judge where its data is from.
type subject struct {
	claim
	pv           *corev1.PersistentVolume // of a bound claim
	known        snapshots.Cluster
	optedIn      bool
	optedOut     bool                            // it was seen so since it was created
	history      []snapshots.Snapshot            // of the volume, if the claim may have started empty
	cluster      map[string][]snapshots.Snapshot // of all volumes, by hash; likewise
	promoteAfter time.Duration
}

// finding is what is wrong with one claim, and what to do about it.
type finding struct {
	pvc    *corev1.PersistentVolumeClaim
	reason string
	text   string
}

// findings judges the claims of a cluster, in their order.
func findings(all []subject, now time.Time) []finding {
	var found []finding
	others := duplicates(all)
	for _, s := range all {
		if reason, text := s.judge(now); reason != "" {
			found = append(found, finding{s.pvc, reason, text})
		}
		if names := others[s.pvc.Name]; len(names) > 0 {
			found = append(found, finding{s.pvc, string(v1alpha1.ReasonDuplicateVolume), fmt.Sprintf(
				"volume %s has another live claim, %s: delete the claim that is not in use, and its pod", s.volume, strings.Join(names, ", "))})
		}
	}
	return found
}

// judge tells how a claim's data is not what it should be; empty: it is.
func (s subject) judge(now time.Time) (reason, text string) {
	source := snapshots.SourceOf(s.pvc)
	bound := s.pvc.Status.Phase == corev1.ClaimBound
	switch {
	case s.pvc.DeletionTimestamp != nil || !s.optedIn:
	case source != "" && bound && !s.ownVolume():
		return v1alpha1.ReasonRestoreNotHonoured, fmt.Sprintf("PersistentVolume %s was not made for this claim and does not hold the data of VolumeSnapshot %s: "+
			"delete the claim and its pod, so that they are created again, and remove PersistentVolume %s if it is Available then, or it is bound again",
			s.pvc.Spec.VolumeName, source, s.pvc.Spec.VolumeName)
	case source != "" && unbound(s.pvc) && now.Sub(s.pvc.CreationTimestamp.Time) > stuckAfter:
		return v1alpha1.ReasonRestoreStuck, fmt.Sprintf("Pending for more than %s, waiting to be filled from VolumeSnapshot %s", stuckAfter, source)
	case bound && s.mayBeEmpty(now) && !s.optedOut && s.ownVolume():
		if name := s.missed(); name != "" {
			return v1alpha1.ReasonNotRestored, fmt.Sprintf("provisioned empty although VolumeSnapshot %s was there, so the webhook was not asked: "+
				"delete the claim and its pod, so that they are created again; or annotate the claim with %s=true if its data is good", name, v1alpha1.AnnotationPromote)
		}
	}
	return "", ""
}

// duplicates names, for each live claim, the other live ones of its volume.
func duplicates(all []subject) map[string][]string {
	live := map[string][]string{}
	for _, s := range all {
		if s.optedIn && s.pvc.DeletionTimestamp == nil {
			live[s.volume.Hash()] = append(live[s.volume.Hash()], s.pvc.Name)
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

// ownVolume reports whether the claim's volume was provisioned for it. The
// binder gives a claim any Available one that fits, whatever its dataSource.
func (s subject) ownVolume() bool {
	if s.pv == nil || s.pv.Annotations[annotationProvisionedBy] == "" {
		return false
	}
	if s.pv.Name == "pvc-"+string(s.pvc.UID) {
		return true
	}
	// A provisioner may be told to name volumes otherwise. What was there before
	// the claim, or was chosen by the binder, was still not made for it.
	_, chosen := s.pv.Annotations[annotationBoundByController]
	return !chosen && !s.pv.CreationTimestamp.Before(&s.pvc.CreationTimestamp)
}

// mayBeEmpty reports whether a claim without a source can be one that should
// have had one. After promoteAfter its own snapshots count as good.
func (s subject) mayBeEmpty(now time.Time) bool {
	return s.pvc.DeletionTimestamp == nil && !s.volume.Role.Quorum() && !snapshots.OtherRestored(s.pvc) &&
		!snapshots.Filled(s.pvc) && s.pvc.Spec.Selector == nil &&
		s.pvc.Annotations[v1alpha1.AnnotationPromote] != v1alpha1.ValueTrue &&
		now.Sub(s.pvc.CreationTimestamp.Time) < s.promoteAfter
}

// due is what the webhook had to answer when the claim was created.
func (s subject) due() snapshots.Decision {
	c := snapshots.Claim{
		Volume:      s.volume,
		Annotations: s.pvc.Annotations,
		Request:     s.pvc.Spec.Resources.Requests[corev1.ResourceStorage],
		VolumeMode:  ptr.Deref(s.pvc.Spec.VolumeMode, corev1.PersistentVolumeFilesystem),
	}
	if s.pv != nil && s.pv.Spec.CSI != nil {
		c.Driver = s.pv.Spec.CSI.Driver
	}
	then := s.known
	then.Snapshots = map[string][]snapshots.Snapshot{s.volume.Hash(): s.earlier()}
	return then.Decide(c, s.pvc.CreationTimestamp.Time)
}

// asked reports whether people ask for the claim's volume to be restored; of a
// claim that may have started empty, whether they did when it was created. A
// mistake in what they ask is no reason to look away.
func (s subject) asked() bool {
	if len(s.history) == 0 {
		policy, err := s.known.Policy(s.volume, s.pvc.Annotations)
		return err != nil || policy.OptedIn()
	}
	decided := s.due().Reason
	return decided != v1alpha1.ReasonNotOptedIn && decided != v1alpha1.ReasonOptedOut
}

// outlived reports whether the cluster had gone on without the volume when the
// claim was created: whether it was lost, or is new and has the id of one that
// was removed, cannot be told any more.
func (s subject) outlived(earlier []snapshots.Snapshot) bool {
	cluster := make(map[string][]snapshots.Snapshot, len(s.cluster))
	for hash, of := range s.cluster {
		cluster[hash] = s.before(of)
	}
	return snapshots.Outlived(earlier, cluster)
}

// earlier are the volume's snapshots from before the claim; a run that was made
// up can have one of this very claim.
func (s subject) earlier() []snapshots.Snapshot { return s.before(s.history) }

func (s subject) before(all []snapshots.Snapshot) []snapshots.Snapshot {
	return slices.DeleteFunc(slices.Clone(all), func(other snapshots.Snapshot) bool {
		return !other.Scheduled.Before(s.pvc.CreationTimestamp.Time) || other.SourcePVCUID == string(s.pvc.UID)
	})
}

// missed names a snapshot for which the claim should not have started empty.
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

// restores brings the history of restores up to date. It returns also the
// claims that are news: restored, and now bound for the first time.
func restores(before []v1alpha1.RestoreStatus, all []subject, now time.Time) (after []v1alpha1.RestoreStatus, news []subject) {
	after = slices.Clone(before)
	for _, s := range all {
		if snapshots.SourceOf(s.pvc) == "" || !s.optedIn {
			continue
		}
		i := slices.IndexFunc(after, func(r v1alpha1.RestoreStatus) bool {
			return r.PersistentVolumeClaim == s.pvc.Name && r.RequestedTime.Equal(&s.pvc.CreationTimestamp)
		})
		awaited := i >= 0
		if !awaited {
			after = append(after, s.restore())
			i = len(after) - 1
		}
		if after[i].BoundTime == nil && s.pvc.Status.Phase == corev1.ClaimBound && s.ownVolume() {
			after[i].BoundTime = &metav1.Time{Time: now.Truncate(time.Second)}
			if awaited || now.Sub(s.pvc.CreationTimestamp.Time) < newsFor {
				news = append(news, s)
			}
		}
	}
	slices.SortStableFunc(after, func(a, b v1alpha1.RestoreStatus) int {
		return cmp.Or(b.RequestedTime.Compare(a.RequestedTime.Time), cmp.Compare(a.PersistentVolumeClaim, b.PersistentVolumeClaim))
	})
	return after[:min(len(after), maxRestores)], news
}

// unsettled makes a restore news again at the next look.
func unsettled(all []v1alpha1.RestoreStatus, s subject) {
	for i := range all {
		if all[i].PersistentVolumeClaim == s.pvc.Name && all[i].RequestedTime.Equal(&s.pvc.CreationTimestamp) {
			all[i].BoundTime = nil
		}
	}
}

func (s subject) restore() v1alpha1.RestoreStatus {
	r := v1alpha1.RestoreStatus{PersistentVolumeClaim: s.pvc.Name, VolumeSnapshot: snapshots.SourceOf(s.pvc), RequestedTime: s.pvc.CreationTimestamp}
	if t, err := time.Parse(time.RFC3339, s.pvc.Annotations[v1alpha1.AnnotationRestoredTime]); err == nil {
		r.ScheduledTime = &metav1.Time{Time: t}
	}
	return r
}

// newestNote is the text of the newest of the Events. Those of older recorders
// have their times in the deprecated fields.
func newestNote(list []eventsv1.Event) string {
	last := func(e eventsv1.Event) time.Time {
		latest := e.CreationTimestamp.Time
		if e.Series != nil && e.Series.LastObservedTime.After(latest) {
			latest = e.Series.LastObservedTime.Time
		}
		if e.DeprecatedLastTimestamp.After(latest) {
			latest = e.DeprecatedLastTimestamp.Time
		}
		return latest
	}
	if len(list) == 0 {
		return ""
	}
	return slices.MaxFunc(list, func(a, b eventsv1.Event) int {
		return cmp.Or(last(a).Compare(last(b)), cmp.Compare(a.Name, b.Name))
	}).Note
}
