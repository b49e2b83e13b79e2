package snapshots

import (
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// tooSmall reports whether a claim with this request cannot be filled from the
// snapshot.
func (s *Snapshot) tooSmall(request resource.Quantity) bool {
	return s.Size != nil && request.Cmp(*s.Size) < 0
}

// Outgrown tells how a volume's claim, if it were lost and created again with
// this request, would be too small for the volume's good snapshot; empty: it
// would not be, or it would not be restored. Pins come and go and are left out.
// So is restore-unusable: a claim that starts empty for its size is no better
// than a refused one.
func (c Cluster) Outgrown(claim Claim) string {
	all := c.of(claim.Volume)
	claim.Volume = claim.Volume.Stricter(all)
	policy, err := c.PolicyOf(all, claim.Annotations)
	if err != nil || !policy.OptedIn() || claim.Volume.Role.Quorum() && policy[v1alpha1.AnnotationRestoreQuorum] != v1alpha1.ValueTrue {
		return ""
	}
	newest, ok := good(claim.Volume, policy, all)
	if !ok || !newest.tooSmall(claim.Request) {
		return ""
	}
	return fmt.Sprintf("requests %s, needs %s", text(claim.Request), text(*newest.Size))
}

// Templates are the requests of the volumeClaimTemplates of StatefulSets, by
// namespace and by what the names of their claims begin with:
// <template>-<statefulset>.
type Templates map[types.NamespacedName]resource.Quantity

// NewTemplates reads the StatefulSets. Where two of them make claims of one
// name, the smaller request counts.
func NewTemplates(sets []appsv1.StatefulSet) Templates {
	templates := Templates{}
	for i := range sets {
		for _, template := range sets[i].Spec.VolumeClaimTemplates {
			key := types.NamespacedName{Namespace: sets[i].Namespace, Name: template.Name + "-" + sets[i].Name}
			request := template.Spec.Resources.Requests[corev1.ResourceStorage]
			if other, ok := templates[key]; !ok || request.Cmp(other) < 0 {
				templates[key] = request
			}
		}
	}
	return templates
}

// Request is what the creator of a claim would request again: the size in its
// StatefulSet's template, which stays as it was when the claim was expanded.
// Others ask for what the claim does, as far as it can be known.
func (t Templates) Request(pvc *corev1.PersistentVolumeClaim) resource.Quantity {
	if request, ok := t.Of(pvc.Namespace, pvc.Name); ok {
		return request
	}
	return pvc.Spec.Resources.Requests[corev1.ResourceStorage]
}

// Of is what a StatefulSet requests for its claim of that name.
func (t Templates) Of(namespace, claim string) (resource.Quantity, bool) {
	i := strings.LastIndex(claim, "-")
	if i < 0 {
		return resource.Quantity{}, false
	}
	if _, err := strconv.ParseUint(claim[i+1:], 10, 32); err != nil {
		return resource.Quantity{}, false
	}
	request, ok := t[types.NamespacedName{Namespace: namespace, Name: claim[:i]}]
	return request, ok
}
