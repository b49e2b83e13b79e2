package snapshots

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// tooSmall reports whether a claim with this request is too small for the
// snapshot.
func (s *Snapshot) tooSmall(request resource.Quantity) bool {
	return s.Size != nil && request.Cmp(*s.Size) < 0
}

// Outgrown returns a text if a volume's claim, lost and created again with this
// request, would be too small for the volume's good snapshot. It is empty if the
// claim is large enough, or would not be restored. Pins do not count, since they
// come and go. Neither does restore-unusable: a claim that starts empty because
// of its size is no better than a refused one.
func (c Cluster) Outgrown(claim Claim) string {
	all := c.Of(claim.Volume)
	if !contains(all, func(s *Snapshot) bool { return s.tooSmall(claim.Request) }) {
		return ""
	}
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

// RestoreSize returns the sum of the known sizes of the volumes that the snapshots
// would fill, always in the same form for the same sum. It is nil if no size is
// known.
func RestoreSize(all []Snapshot) *resource.Quantity {
	var sum int64
	for i := range all {
		if s := &all[i]; s.Size != nil {
			size := max(s.Size.Value(), 0)
			sum = min(sum, math.MaxInt64-size) + size
		}
	}
	if sum == 0 {
		return nil
	}
	return resource.NewQuantity(sum, resource.BinarySI)
}

// Templates holds the requests of the volumeClaimTemplates of StatefulSets, by
// namespace and by the prefix of their claims' names: <template>-<statefulset>.
type Templates map[types.NamespacedName]resource.Quantity

// NewTemplates returns the templates of the StatefulSets. Where two of them make
// claims of the same name, the smaller request counts.
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

// Request returns the size that the creator of a claim would request again: the
// one in its StatefulSet's template, which does not change when the claim is
// expanded. For a claim of another creator it is the request of the claim itself,
// since nothing better is known.
func (t Templates) Request(pvc *corev1.PersistentVolumeClaim) resource.Quantity {
	if request, ok := t.Of(pvc.Namespace, pvc.Name); ok {
		return request
	}
	return pvc.Spec.Resources.Requests[corev1.ResourceStorage]
}

// Of returns the size that a StatefulSet requests for its claim of that name.
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
