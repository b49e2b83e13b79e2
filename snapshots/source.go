package snapshots

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// OfClaim returns the snapshots that were taken of a claim of this name and are
// not about to be deleted.
func OfClaim(all []Snapshot, name string) []Snapshot {
	return without(all, func(s *Snapshot) bool {
		return name == "" || s.SourcePVC != name || s.Deleting || s.marked(v1alpha1.AnnotationPruning) || s.Cut.IsZero() && s.Unreadable == ""
	})
}

// VolumeOfClaim returns the volume of a claim with a stable name, by the snapshots
// that were taken of a claim of that name in its namespace. It is for a claim that
// would otherwise start empty, because nothing else identifies it or its volume
// has no snapshot. Its KafkaBackup may be gone, or its labels may have changed,
// while its data is still there. It reports false if there is no such snapshot, or
// if the snapshots disagree: then the decision refuses the claim.
func VolumeOfClaim(namespace, name string, taken []Snapshot, policy Policy) (Volume, Decision, bool) {
	volumes := map[string]Snapshot{} // the newest of each
	next := ""
	for _, s := range taken {
		if newest, ok := volumes[s.Volume]; !ok || newestFirst(s, newest) < 0 {
			volumes[s.Volume] = s
		}
		if s.Annotations[v1alpha1.AnnotationRestoreNext] == v1alpha1.ValueTrue {
			next = max(next, s.Volume)
		}
	}
	if next != "" { // a person has chosen
		volumes = map[string]Snapshot{next: volumes[next]}
	}
	claim := claimName{namespace, name}
	var found []Volume
	for _, hash := range slices.Sorted(maps.Keys(volumes)) { // so that of two mistakes always the same is reported
		s := volumes[hash]
		v, ok := VolumeOf(namespace, s)
		if !ok {
			return Volume{}, unusable(v1alpha1.ReasonUnreadable, fmt.Sprintf(
				"VolumeSnapshot %s was taken of a claim of this name, but its labels and annotations no longer say of which volume: correct them, or delete that VolumeSnapshot", s.Name), claim, policy), false
		}
		found = append(found, v)
	}
	switch len(found) {
	case 0:
		return Volume{}, Decision{}, false
	case 1:
		return found[0], Decision{}, true
	}
	return Volume{}, ambiguous(namespace, name, found, volumes, policy), false
}

// Overrules reports whether a claim that is known as one volume must not be taken
// for the volume that snapshots of a claim of its name are of. The decision then
// refuses the claim. Labels of a chart may change. But an operator's resource is
// never renamed, and a person who labels a claim with a broker and a disk has said
// which volume it is.
func Overrules(known, named Volume, policy Policy) (Decision, bool) {
	claim := claimName{known.Namespace, named.Slot}
	switch {
	case known.dialect().saysSlot && known.Slot != named.Slot:
		return unusable(v1alpha1.ReasonAmbiguousVolume, fmt.Sprintf(
			"its labels say that it is %s, but snapshots of a claim of its name are of %s: change the labels, or the name", known, named), claim, policy), true
	case known.dialect().saysCluster && known.Cluster != named.Cluster && policy[v1alpha1.AnnotationRestoreOtherCluster] != v1alpha1.ValueTrue:
		return unusable(v1alpha1.ReasonOtherCluster, fmt.Sprintf(
			"it is of cluster %s, and the claim of cluster %s: annotate the KafkaBackup, or the namespace, with %s=true to accept it", named.Cluster, known.Cluster, v1alpha1.AnnotationRestoreOtherCluster), claim, policy), true
	}
	return Decision{}, false
}

// ambiguous returns the refusal of a claim whose name claims of several volumes
// have had.
func ambiguous(namespace, name string, found []Volume, newest map[string]Snapshot, policy Policy) Decision {
	slices.SortFunc(found, func(a, b Volume) int { return cmp.Compare(a.Key(), b.Key()) })
	said := make([]string, len(found))
	for i, v := range found {
		said[i] = fmt.Sprintf("cluster %s (up to VolumeSnapshot %s)", v.Cluster, newest[v.Hash()].Name)
	}
	return unusable(v1alpha1.ReasonAmbiguousVolume, fmt.Sprintf(
		"snapshots of claims of this name are of different volumes: %s: annotate the VolumeSnapshot to restore with %s=true", strings.Join(said, "; "), v1alpha1.AnnotationRestoreNext),
		claimName{namespace, name}, policy)
}

// claimName is the name of a claim whose volume is unknown.
type claimName struct{ namespace, name string }

func (c claimName) String() string { return "claim " + c.namespace + "/" + c.name }
