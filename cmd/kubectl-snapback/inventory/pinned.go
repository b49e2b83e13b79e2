package inventory

import (
	"maps"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Loss is what to assume to have happened before the webhook is asked.
type Loss struct {
	Volumes map[string]bool   // hashes of the volumes whose claims are gone
	Pins    map[string]string // names of the snapshots annotated with restore-next, by hash of the volume
	Agreed  bool              // a person has agreed that the quorum's volumes are restored
}

// IfPinned returns what the webhook would decide about the volume after the loss:
// for a claim with the annotations of the present one, and for one without any,
// since its creator may make it so. The volume's own claim must be among the lost
// ones.
func (i *Inventory) IfPinned(v *Volume, loss Loss, now time.Time) (same, bare snapshots.Decision) {
	after := *i
	after.Volumes = slices.Clone(i.Volumes)
	for n := range after.Volumes {
		other := &after.Volumes[n]
		if loss.Volumes[other.Hash()] {
			other.Claims = nil
		}
		other.Snapshots = pinned(other.Snapshots, loss.Pins[other.Hash()])
	}
	own := *v
	own.Snapshots = pinned(v.Snapshots, loss.Pins[v.Hash()])
	cluster, claim := after.cluster(&own), after.lostClaim(v, after.neighbours(v), now)
	decide := func(annotations map[string]string) snapshots.Decision {
		claim.Annotations = map[string]string{}
		maps.Copy(claim.Annotations, annotations)
		if loss.Agreed {
			claim.Annotations[v1alpha1.AnnotationRestoreQuorum] = v1alpha1.ValueTrue
		}
		return cluster.Decide(claim, now)
	}
	return decide(v.annotations()), decide(nil)
}

// pinned returns the snapshots with the pin on the named one; on none if the name
// is empty.
func pinned(all []snapshots.Snapshot, name string) []snapshots.Snapshot {
	if name == "" {
		return all
	}
	all = slices.Clone(all)
	for n := range all {
		if all[n].Name == name {
			all[n].Annotations = maps.Clone(all[n].Annotations)
			all[n].Annotations[v1alpha1.AnnotationRestoreNext] = v1alpha1.ValueTrue
		}
	}
	return all
}

// NotAsked returns why the webhook is not asked about claims of a namespace; empty
// if no reason is known.
func (i *Inventory) NotAsked(namespace string) string {
	if i.namespaces[namespace].Labels[v1alpha1.LabelIntercept] == v1alpha1.ValueOff {
		return "the label " + v1alpha1.LabelIntercept + "=off on namespace " + namespace + " keeps Snapback from restoring claims there: take it off"
	}
	return ""
}
