package webhook_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// FuzzHandle sends any bytes as the object of a request. Whatever they are, a
// claim gets a snapshot only if it can be read, and only of its own volume.
func FuzzHandle(f *testing.F) {
	s := siteOf(hoursAgo(1), hoursAgo(2), koperatorSnapshot(now))
	handler := s.handler(f)
	volumes := map[string]string{} // by the name of the snapshot
	for _, o := range s.live {
		volumes[o.GetName()] = o.GetLabels()[v1alpha1.LabelVolume]
	}
	requests := []admission.Request{
		{AdmissionRequest: *recorded(f, strimziReview).Request},
		{AdmissionRequest: *recorded(f, koperatorReview).Request},
	}
	for i, request := range requests {
		f.Add(i == 0, request.Object.Raw)
		f.Add(i == 1, request.Object.Raw[:len(request.Object.Raw)/2])
	}
	for _, raw := range []string{"", "{}", "null", "k8s\x00", "kind: PersistentVolumeClaim", `{"kind":"Pod","apiVersion":"v1"}`, `{"spec":{"resources":{"requests":{"storage":"1e99"}}}}`} {
		f.Add(true, []byte(raw))
	}
	f.Fuzz(func(t *testing.T, first bool, raw []byte) {
		request := requests[1]
		if first {
			request = requests[0]
		}
		request.Object = runtime.RawExtension{Raw: raw}
		answer := handler.Handle(t.Context(), request)
		if answer.Result == nil || answer.Allowed != (answer.Result.Code == http.StatusOK) {
			t.Fatalf("allowed %t with %v", answer.Allowed, answer.Result)
		}
		if len(answer.Patches) > 0 && !bytes.HasPrefix(raw, []byte("k8s\x00")) {
			checkPatched(t, request, answer, volumes)
		}
	})
}

// checkPatched reads the object in another way than the handler, and checks
// that the snapshot is of its volume.
func checkPatched(t *testing.T, request admission.Request, answer admission.Response, volumes map[string]string) {
	raw := request.Object.Raw
	if !json.Valid(raw) { // the decoder takes YAML too
		var err error
		if raw, err = yaml.YAMLToJSON(raw); err != nil {
			t.Fatalf("a patch of what is neither JSON nor YAML: %v", err)
		}
	}
	var pvc corev1.PersistentVolumeClaim
	if err := utiljson.Unmarshal(raw, &pvc); err != nil || pvc.Kind != "PersistentVolumeClaim" && pvc.Kind != "" {
		t.Fatalf("a patch of a %q that cannot be read: %v", pvc.Kind, err)
	}
	if !answer.Allowed || pvc.Spec.DataSource != nil || pvc.Spec.DataSourceRef != nil || pvc.Spec.VolumeName != "" || pvc.Spec.Selector != nil {
		t.Errorf("a patch, allowed %t, of %+v", answer.Allowed, pvc.Spec)
	}
	patch, err := json.Marshal(answer.Patches[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	var source corev1.TypedLocalObjectReference
	if err := json.Unmarshal(patch, &source); err != nil {
		t.Fatal(err)
	}
	v, ok := snapshots.Identify(request.Namespace, &pvc, nil)
	if !ok || volumes[source.Name] != v.Hash() {
		t.Errorf("%s gets %s, of volume %s", v, source.Name, volumes[source.Name])
	}
}
