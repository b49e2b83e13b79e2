package inventory

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Problem is something about one object that a person should look at.
type Problem struct {
	Reason  string `json:"reason"`
	Kind    string `json:"kind"` // volume, claim, cluster, KafkaBackup or ConfigMap
	Name    string `json:"name"`
	Message string `json:"message"` // what is wrong, and what to do
}

// Reasons of problems, besides those of the KafkaBackups' conditions and of the
// decisions that refuse a claim. The worst come first.
const (
	problemLost        = "ClaimLost"
	problemPhaseLost   = "ClaimPhaseLost"
	problemTerminating = "ClaimTerminating"
	problemRestoring   = "RestorePending"
	problemDuplicate   = string(v1alpha1.ReasonDuplicateVolume)
	problemNoGood      = "NoGoodSnapshot"
	problemOld         = "SnapshotOld"
	problemNoBackup    = "NoKafkaBackup"
	problemNotOptedIn  = string(v1alpha1.ReasonNotOptedIn)
	problemNotSeen     = "NotObserved"
	problemNotRun      = "RunOverdue"
	problemSpec        = "InvalidSpec"
)

var gravest = []string{problemLost, problemPhaseLost, problemTerminating, problemRestoring, problemDuplicate,
	problemNoGood, problemOld, problemNoBackup, problemNotOptedIn}

// arranged sorts problems: the worst first, and those with the same text together.
func arranged(all []Problem) []Problem {
	rank := func(p Problem) int {
		if i := slices.Index(gravest, p.Reason); i >= 0 {
			return i
		}
		return len(gravest)
	}
	slices.SortStableFunc(all, func(a, b Problem) int { return rank(a) - rank(b) })
	return all
}

func volumeProblems(v *Volume, s VolumeStatus, backups []Backup, now time.Time) []Problem {
	found := claimProblems(v, s)
	say := func(reason, message string) {
		found = append(found, Problem{reason, "volume", v.Slot, message})
	}
	if taking := takers(backups, v.Role); len(taking) > 0 {
		if s.Newest == nil {
			say(problemNoGood, "has no good snapshot: if it died now, all of its data would be gone")
		} else if slices.ContainsFunc(taking, func(b Backup) bool { return overdue(b, s.Newest.ScheduledTime.Time, now) }) {
			message := "its newest good snapshot is older than two intervals of the schedule: see the KafkaBackup's Events"
			if !slices.ContainsFunc(taking, func(b Backup) bool { return !b.Spec.Suspend }) {
				message = "its newest good snapshot is older than two intervals of the schedule, which is suspended"
			}
			say(problemOld, message)
		}
	}
	lost := v.Claim() == nil // then it has been said what it would get
	switch {
	case s.IfLost.Reason == v1alpha1.ReasonNotOptedIn && !lost:
		say(problemNotOptedIn, "nobody has opted in: if it were lost, it would start empty. Annotate the KafkaBackup with "+v1alpha1.AnnotationRestore+"=latest")
	case s.IfLost.Reason == v1alpha1.ReasonOptedOut && s.IfLost.Message != "" && !lost: // not for good, as restore=off is
		say(string(s.IfLost.Reason), "if it were lost, it would start empty: "+s.IfLost.Message)
	case s.IfLost.Outcome == v1alpha1.OutcomeDeny && !lost && !Said(v, s.IfLost.Reason, backups):
		say(string(s.IfLost.Reason), "if it were lost, its new claim would be refused: "+s.IfLost.Message)
	}
	return found
}

// Said reports whether a condition of the KafkaBackups already says that the
// volume's claim would be refused for that reason. The condition QuorumUndecided
// is only about combined nodes, not about other volumes that hold votes.
func Said(v *Volume, reason v1alpha1.Reason, backups []Backup) bool {
	of := reason == v1alpha1.ReasonTooSmall || reason == v1alpha1.ReasonQuorumUndecided && v.Role == snapshots.RoleCombined
	return of && slices.ContainsFunc(backups, func(b Backup) bool {
		return b.Namespace == v.Namespace && b.Spec.ClusterRef == v.Cluster && meta.IsStatusConditionTrue(b.Status.Conditions, string(reason))
	})
}

// claimProblems returns the problems of a volume's claims: none, several, or one
// that is not bound.
func claimProblems(v *Volume, s VolumeStatus) []Problem {
	var found []Problem
	var live []string
	for _, c := range v.Claims {
		say := func(reason, message string, args ...any) {
			found = append(found, Problem{reason, "claim", c.Name, fmt.Sprintf(message, args...)})
		}
		switch from := snapshots.SourceOf(c); {
		case c.DeletionTimestamp != nil:
			say(problemTerminating, "is being deleted; %s", again(s.IfLost))
			continue
		case c.Status.Phase == corev1.ClaimLost:
			say(problemPhaseLost, "has lost its PersistentVolume %s: delete the claim and its pod, so that they are created again; then %s", c.Spec.VolumeName, again(s.IfLost))
		case from != "" && c.Status.Phase != corev1.ClaimBound:
			say(problemRestoring, "is being restored from VolumeSnapshot %s, and not bound yet: see its Events if it lasts", from)
		}
		live = append(live, c.Name)
	}
	switch {
	case len(v.Claims) == 0:
		found = append(found, Problem{problemLost, "volume", v.Slot, "has no claim: its broker is lost, or was scaled down. Created again, " + again(s.IfLost)})
	case len(live) > 1:
		found = append(found, Problem{problemDuplicate, "volume", v.Slot,
			"has several claims, " + strings.Join(live, ", ") + ": delete the one that is not in use, and its pod"})
	}
	return found
}

// again returns, in words, what a claim that is created again gets.
func again(d IfLostStatus) string {
	switch {
	case d.Outcome == v1alpha1.OutcomeRestore:
		return "it is restored from VolumeSnapshot " + d.Snapshot
	case d.Outcome == v1alpha1.OutcomeDeny:
		return "it is refused: " + d.Message
	case d.Reason == v1alpha1.ReasonNotOptedIn:
		return "it starts EMPTY, since nobody has opted in: annotate the KafkaBackup with " + v1alpha1.AnnotationRestore + "=latest first"
	case d.Message != "":
		return "it starts EMPTY: " + d.Message
	}
	return "it starts EMPTY: " + string(d.Reason)
}

// takers returns the KafkaBackups whose runs take volumes of the role. Suspended
// ones are included only if all are suspended.
func takers(backups []Backup, role snapshots.Role) []Backup {
	all := slices.DeleteFunc(slices.Clone(backups), func(b Backup) bool { return b.Parsed.Excludes(role) })
	if running := slices.DeleteFunc(slices.Clone(all), func(b Backup) bool { return b.Spec.Suspend }); len(running) > 0 {
		return running
	}
	return all
}

// overdue reports whether two runs of the schedule were due since the snapshot.
func overdue(b Backup, scheduled, now time.Time) bool {
	s, err := snapshots.Times(b.KafkaBackup)
	if err != nil {
		return false
	}
	second := s.Next(s.Next(scheduled))
	return !second.IsZero() && second.Before(now)
}

// lateness is how late a run may be before it is a problem: clocks differ, and a
// new leader needs time to take over.
const lateness = time.Minute

// wellWhenTrue are the conditions that are a problem when False. All others exist
// only while there is a problem.
var wellWhenTrue = []string{v1alpha1.ConditionReady, v1alpha1.ConditionRestoresVerified, v1alpha1.ConditionKafkaObserved, v1alpha1.ConditionBackupsProven}

func backupProblems(backups []Backup, volumes []VolumeStatus, now time.Time) []Problem {
	var found []Problem
	if len(backups) == 0 && len(volumes) > 0 {
		found = append(found, Problem{problemNoBackup, "cluster", "", fmt.Sprintf("no KafkaBackup names this cluster: its %d volumes are not backed up. Create one", len(volumes))})
	}
	for _, b := range backups {
		say := func(reason, message string) {
			found = append(found, Problem{reason, b.Kind(), b.Name, message})
		}
		said := false
		for _, c := range b.Status.Conditions {
			switch positive := slices.Contains(wellWhenTrue, c.Type); {
			case positive && c.Status == metav1.ConditionFalse:
				say(c.Reason, c.Message)
				said = said || c.Type == wellWhenTrue[0]
			case c.Type == v1alpha1.ConditionPaused && c.Status == metav1.ConditionFalse: // for a day, in which a pause is no problem yet: the column STATE has it
			case !positive && c.Status != metav1.ConditionUnknown:
				say(c.Type, c.Message)
			}
		}
		next := b.Status.NextScheduleTime
		switch {
		case b.Mistake != nil && !said:
			say(problemSpec, b.Mistake.Error())
		case b.Status.ObservedGeneration == 0 && now.Sub(b.CreationTimestamp.Time) > lateness:
			say(problemNotSeen, "Snapback has not looked at it yet: see whether its scheduler runs")
		case !b.Spec.Suspend && next != nil && now.Sub(next.Time) > lateness:
			say(problemNotRun, fmt.Sprintf("the run of %s has not started: see whether Snapback's scheduler runs", next.UTC().Format(time.RFC3339)))
		}
	}
	return found
}
