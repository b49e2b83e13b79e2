package snapshots

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// RunKey identifies a run: all snapshots of one run have the same key.
type RunKey struct {
	Backup    string
	Scheduled int64 // Unix seconds
}

// Run returns the key of the run that took the snapshot.
func (s Snapshot) Run() RunKey {
	return RunKey{Backup: s.Annotations[v1alpha1.AnnotationBackupName], Scheduled: s.Scheduled.Unix()}
}

// Candidates returns the snapshots that can be restored, the newest first: they
// are cut, readable, and not about to be deleted. One that is not cut yet would
// be cut later, from the new and empty volume. Callers must not change the
// result.
func Candidates(all []Snapshot) []Snapshot {
	return NewestFirst(without(all, func(s *Snapshot) bool { return s.unrestorable() != "" }))
}

// Newest returns the first of [Candidates]; nil: there is none. It copies nothing.
func Newest(all []Snapshot) *Snapshot {
	var newest *Snapshot
	for i := range all {
		if s := &all[i]; (newest == nil || byAge(s, newest) < 0) && s.unrestorable() == "" {
			newest = s
		}
	}
	return newest
}

// NewestFirst returns the snapshots, the newest first. It copies nothing if they are so
// already, as a [Catalog] has them. Callers must not change the result.
func NewestFirst(all []Snapshot) []Snapshot {
	for i := 1; i < len(all); i++ {
		if byAge(&all[i-1], &all[i]) > 0 {
			return slices.SortedFunc(slices.Values(all), newestFirst)
		}
	}
	return all
}

// unrestorable returns why the snapshot cannot be restored; empty: it can.
func (s *Snapshot) unrestorable() Passed {
	switch {
	case s.Deleting:
		return PassedTerminating
	case s.Unreadable != "":
		return PassedUnreadable
	case s.marked(v1alpha1.AnnotationPruning):
		return PassedPruning
	case s.Cut.IsZero():
		return PassedNotCut
	}
	return ""
}

func contains(all []Snapshot, some func(*Snapshot) bool) bool {
	for i := range all {
		if some(&all[i]) {
			return true
		}
	}
	return false
}

// Readable returns the snapshots without those whose labels or annotations somebody
// has changed. Callers must not change the result.
func Readable(all []Snapshot) []Snapshot {
	return without(all, func(s *Snapshot) bool { return s.Unreadable != "" })
}

// unreadable returns one of the snapshots whose metadata somebody has spoiled,
// always the same one. Its data may be all that is left of the volume.
func unreadable(all []Snapshot) (found Snapshot, ok bool) {
	for i := range all {
		if s := &all[i]; s.Unreadable != "" && !s.Deleting && (!ok || s.Name > found.Name) {
			found, ok = *s, true
		}
	}
	return found, ok
}

// without returns the snapshots that are not bad. It copies nothing if none is
// bad: a volume may have thousands of snapshots.
func without(all []Snapshot, bad func(*Snapshot) bool) []Snapshot {
	first := 0
	for first < len(all) && !bad(&all[first]) {
		first++
	}
	if first == len(all) {
		return all
	}
	some := slices.Clone(all[:first])
	for i := first + 1; i < len(all); i++ {
		if !bad(&all[i]) {
			some = append(some, all[i])
		}
	}
	return some
}

func newestFirst(a, b Snapshot) int { return byAge(&a, &b) }

// byAge is [newestFirst] without copies: a Snapshot is large.
func byAge(a, b *Snapshot) int {
	if d := b.Scheduled.Compare(a.Scheduled); d != 0 {
		return d
	}
	return cmp.Compare(b.Name, a.Name)
}

// marked reports whether the snapshot has an annotation of [marks].
func (s *Snapshot) marked(annotation string) bool {
	if s.plain {
		return false
	}
	_, ok := s.Annotations[annotation]
	return ok
}

// HeldByPeople reports whether people want the snapshot to stay, and not only Snapback.
func (s *Snapshot) HeldByPeople() bool {
	return s.marked(v1alpha1.AnnotationHold) || s.marked(v1alpha1.AnnotationRestoreNext)
}

// CarriesKafka reports whether what Kafka said stands on the snapshot.
func (s *Snapshot) CarriesKafka() bool {
	return !s.plain && slices.ContainsFunc(long, func(key string) bool { return s.Annotations[key] != "" })
}

// pins are the annotations on a volume's snapshots that decide about its next
// claim.
type pins struct {
	next  *Snapshot // the snapshot that the next claim gets
	empty string    // name of the snapshot that says to start empty
}

func pinsOf(candidates []Snapshot, now time.Time) (pins, error) {
	var p pins
	for i := range candidates {
		s := &candidates[i]
		if next, ok := s.Annotations[v1alpha1.AnnotationRestoreNext]; ok {
			if next != v1alpha1.ValueTrue {
				return p, fmt.Errorf("annotation %s of VolumeSnapshot %s is %q, must be %q", v1alpha1.AnnotationRestoreNext, s.Name, Quotable(next), v1alpha1.ValueTrue)
			}
			if p.next == nil {
				p.next = s
			}
		}
		if until, ok := s.Annotations[v1alpha1.AnnotationStartEmptyUntil]; ok {
			t, err := time.Parse(time.RFC3339, until)
			if err != nil {
				return p, fmt.Errorf("annotation %s of VolumeSnapshot %s is %q, %w", v1alpha1.AnnotationStartEmptyUntil, s.Name, Quotable(until), checkTime(until))
			}
			if now.Before(t) {
				p.empty = s.Name
			}
		}
	}
	return p, nil
}

// eligible returns the candidates without three kinds of snapshots: those of
// another cluster of the same name, those that a restore from an older one has
// abandoned, and those of unproven lineages. A kind is kept if nothing else is
// left. All three hold other data than the volume's, unlike a damaged one, see
// [sound].
func eligible(candidates []Snapshot, v Volume, policy Policy, t trace) []Snapshot {
	if policy[v1alpha1.AnnotationRestoreOtherCluster] != v1alpha1.ValueTrue {
		candidates = avoid(candidates, foreign(candidates, v))
		t.leave(candidates, PassedOtherCluster, "it is of an earlier cluster of that name")
	}
	return continuing(candidates, t)
}

// continuing returns the candidates without those that a restore has abandoned, and
// those of unproven lineages. A kind is kept if nothing else is left.
func continuing(candidates []Snapshot, t trace) []Snapshot {
	candidates = avoid(candidates, func(s *Snapshot) bool { return s.marked(v1alpha1.AnnotationAbandoned) })
	t.leave(candidates, PassedAbandoned, "a restore from an older one has left it aside; to get it after all, annotate it with "+v1alpha1.AnnotationRestoreNext+"=true")
	proven := provenLineages(candidates)
	candidates = avoid(candidates, func(s *Snapshot) bool { return !proven.has(s.Lineage.ID) })
	t.leave(candidates, PassedUnproven, "the volume had come back empty, and nobody knows that its data is good; if it is, annotate its claim with "+v1alpha1.AnnotationPromote+"=true")
	return candidates
}

// avoid returns the snapshots that are not bad, or all of them if all are bad.
func avoid(all []Snapshot, bad func(*Snapshot) bool) []Snapshot {
	if some := without(all, bad); len(some) > 0 {
		return some
	}
	return all
}

// cutBefore returns the candidates that the pin restore-before allows.
func cutBefore(candidates []Snapshot, policy Policy, t trace) []Snapshot {
	before, pinned := policy.before()
	if !pinned {
		return candidates
	}
	candidates = without(candidates, func(s *Snapshot) bool { return s.Cut.After(before) })
	if t != nil {
		t.leave(candidates, PassedAfter, fmt.Sprintf("it was cut after %s, which %s asks for", policy[v1alpha1.AnnotationRestoreBefore], v1alpha1.AnnotationRestoreBefore))
	}
	return candidates
}

// sameCluster reports whether the snapshot is of the volume's cluster. It compares
// Kafka's cluster ids if both are known, else the UIDs of the operator's custom
// resources. An unknown id or UID is no difference. Neither is the UID of an
// import, because a person has accepted it.
func sameCluster(v Volume, s *Snapshot) bool {
	if v.KafkaClusterID == "" && v.ClusterUID == "" {
		return true
	}
	if id := s.Annotations[v1alpha1.AnnotationKafkaClusterID]; id != "" && v.KafkaClusterID != "" {
		return id == v.KafkaClusterID
	}
	if uid := s.Annotations[v1alpha1.AnnotationClusterUID]; !s.Imported && uid != "" && v.ClusterUID != "" {
		return uid == v.ClusterUID
	}
	return true
}

// choose returns the newest ready candidate. For disks that were lost together
// it is the newest one of a run from which all of them can be restored, since a
// partition may have moved between them. Without such a run it is the newest
// ready one of each disk, and together is false. If none is ready, it is the
// newest candidate.
func choose(candidates []Snapshot, siblings [][]RunKey) (chosen Snapshot, together bool) {
	newest := -1
	for i := range candidates {
		s := &candidates[i]
		if !s.Ready {
			continue
		}
		if newest < 0 {
			newest = i
		}
		missing := slices.ContainsFunc(siblings, func(runs []RunKey) bool { return !slices.Contains(runs, s.Run()) })
		if !missing {
			return *s, true
		}
	}
	if newest < 0 {
		return candidates[0], len(siblings) == 0
	}
	return candidates[newest], false
}
