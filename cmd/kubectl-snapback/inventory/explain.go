package inventory

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/snapshots"
)

// Explain returns the decision of [Inventory.IfLost], and why each of the
// volume's snapshots is passed over.
func (i *Inventory) Explain(v *Volume, now time.Time) (snapshots.Decision, []snapshots.Considered) {
	return i.cluster(v).Explain(i.lostClaim(v, i.neighbours(v), now), now)
}

// VolumeOf returns the volume of a claim that the caller asks about, with this
// claim instead of the volume's own; false if it is no claim of a broker volume.
func (i *Inventory) VolumeOf(ctx context.Context, c client.Client, pvc *corev1.PersistentVolumeClaim) (*Volume, bool, error) {
	of, ok := snapshots.Identify(pvc.Namespace, pvc, i.parsed(pvc.Namespace))
	n := i.index(of)
	if n < 0 || len(snapshots.Candidates(i.Volumes[n].Snapshots)) == 0 { // as the webhook looks at it
		if named, _, known := snapshots.VolumeOfClaim(pvc.Namespace, pvc.Name, i.takenOf(pvc), nil); known {
			of, ok, n = named, true, i.index(named)
		}
	}
	if !ok {
		return nil, false, nil
	}
	v := Volume{Volume: of, asked: true}
	if n >= 0 {
		v.Snapshots, v.Objects = i.Volumes[n].Snapshots, i.Volumes[n].Objects
	}
	v.Claims = []*corev1.PersistentVolumeClaim{pvc}
	if err := operators.NewReader(c, c.RESTMapper()).Complete(ctx, &v.Volume, pvc); err != nil && !apierrors.IsForbidden(err) { // the role stays a guess
		return nil, true, err
	}
	return &v, true, nil
}

// index returns the volume's index in the inventory; -1 if it is not there.
func (i *Inventory) index(of snapshots.Volume) int {
	return slices.IndexFunc(i.Volumes, func(o Volume) bool { return o.Namespace == of.Namespace && o.Hash() == of.Hash() })
}

// takenOf returns the snapshots that were taken of claims with this claim's name.
func (i *Inventory) takenOf(pvc *corev1.PersistentVolumeClaim) (taken []snapshots.Snapshot) {
	for n := range i.Volumes {
		if i.Volumes[n].Namespace == pvc.Namespace {
			taken = append(taken, snapshots.OfClaim(i.Volumes[n].Snapshots, pvc.Name)...)
		}
	}
	return taken
}

// RequestAgain sets what a new claim requests to what its creator would request
// for it, if it replaces a live claim.
func (i *Inventory) RequestAgain(fresh *corev1.PersistentVolumeClaim) {
	if request, ok := i.templates.Of(fresh.Namespace, fresh.Name); ok {
		fresh.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: request}
	}
}

// LostClaim returns the volume whose claim of this name is gone.
func (i *Inventory) LostClaim(name string) (*Volume, bool) {
	for n := range i.Volumes {
		v := &i.Volumes[n]
		if v.Claim() == nil && slices.ContainsFunc(v.Snapshots, func(s snapshots.Snapshot) bool { return s.SourcePVC == name }) {
			return v, true
		}
	}
	return nil, false
}
