package snapshots_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// TestOtherRestore checks claims with Velero's label. Velero has made them, or an
// operator that copies its resource's labels.
func TestOtherRestore(t *testing.T) {
	t.Parallel()
	const label = "velero.io/restore-name"
	for name, test := range map[string]struct {
		labels, annotations map[string]string
		managers            []string
		made, may           bool
	}{
		"nobody's":             {managers: []string{"velero-server"}},
		"Velero's":             {labels: map[string]string{label: "r"}, managers: []string{"velero-server"}, made: true, may: true},
		"by an annotation":     {annotations: map[string]string{label: "r"}, managers: []string{"velero-server"}, made: true, may: true},
		"nobody says who":      {labels: map[string]string{label: "r"}, made: true, may: true},
		"an operator's":        {labels: map[string]string{label: "r"}, managers: []string{"strimzi-cluster-operator"}, may: true},
		"a controller's":       {labels: map[string]string{label: "r"}, managers: []string{"kube-controller-manager"}, may: true},
		"Velero's and another": {labels: map[string]string{label: "r"}, managers: []string{"before", "velero"}, made: true, may: true},
	} {
		pvc := optedIn().Obj()
		for key, value := range test.labels {
			pvc.Labels[key] = value
		}
		for key, value := range test.annotations {
			pvc.Annotations[key] = value
		}
		for _, manager := range test.managers {
			pvc.ManagedFields = append(pvc.ManagedFields, metav1.ManagedFieldsEntry{Manager: manager})
		}
		d, chose := snapshots.CreatorChose(pvc)
		if chose != test.made || chose && (d.Outcome != v1alpha1.OutcomeAllow || d.Reason != v1alpha1.ReasonOtherRestore) {
			t.Errorf("%s: %t %+v", name, chose, d)
		}
		if got := snapshots.OtherRestored(pvc); got != test.may {
			t.Errorf("%s: it may be restored by another: %t", name, got)
		}
	}
}
