package webhook_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	crwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

// An answer must be the one that controller-runtime's own server gives, also to a
// request that is odd.
func TestServeAsControllerRuntime(t *testing.T) {
	t.Parallel()
	handler := siteOf(hoursAgo(1)).handler(t)
	content, err := json.Marshal(recorded(t, strimziReview))
	if err != nil {
		t.Fatal(err)
	}
	review := string(content)
	const asJSON = "application/json"
	for name, test := range map[string]struct{ contentType, body, want string }{
		"usual":            {asJSON, review, `"allowed":true`},
		"other case":       {asJSON, strings.Replace(review, `"kind":"AdmissionReview"`, `"Kind":"AdmissionReview"`, 1), `"allowed":true`},
		"older version":    {asJSON, strings.Replace(review, "admission.k8s.io/v1", "admission.k8s.io/v1beta1", 1), `"apiVersion":"admission.k8s.io/v1beta1"`},
		"other kind":       {asJSON, strings.Replace(review, "AdmissionReview", "Review", 1), `"allowed":true`},
		"no version":       {asJSON, strings.Replace(review, `"apiVersion":"admission.k8s.io/v1",`, "", 1), `"uid"`},
		"no request":       {asJSON, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":null}`, `"response"`},
		"empty":            {asJSON, "", `"code":400`},
		"no JSON":          {asJSON, review[:len(review)-1], `"code":400`},
		"more than JSON":   {asJSON, review + "{}", `"code":400`},
		"other media type": {"application/yaml", review, "contentType=application/yaml"},
		"long":             {asJSON, review + strings.Repeat(" ", 100_000), `"allowed":true`},
		"too long":         {asJSON, review + strings.Repeat(" ", 8<<20), "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ask := func(server http.Handler, length int64) string {
				request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mutate-pvc", bytes.NewReader([]byte(test.body)))
				request.Header.Set("Content-Type", test.contentType)
				request.ContentLength = length
				recorder := httptest.NewRecorder()
				server.ServeHTTP(recorder, request)
				return recorder.Body.String()
			}
			for _, length := range []int64{int64(len(test.body)), -1, int64(len(test.body)) + 1} { // true, unknown, cut off
				want := ask(&crwebhook.Admission{Handler: handler}, length)
				if !strings.Contains(want, test.want) {
					t.Errorf("length %d: controller-runtime answered %.500s, want %s", length, want, test.want)
				}
				if got := ask(handler.Admission(), length); got != want {
					t.Errorf("length %d: answered %.500s, want %.500s", length, got, want)
				}
			}
		})
	}
}
