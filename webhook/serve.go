package webhook

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// server answers AdmissionReviews over HTTP. It decodes the usual review once, where
// [admission.Webhook] decodes each twice to find its kind. It leaves all others to
// it, which says what is wrong with them.
type server struct{ *admission.Webhook }

// Admission returns the handler as a server calls it.
func (h *Handler) Admission() http.Handler {
	return server{&admission.Webhook{Handler: h, LogConstructor: logger}}
}

// logger returns the logger of a request; nil: of none. The default one also has the
// kind and the object, which costs more than the line: each is encoded twice.
func logger(base logr.Logger, req *admission.Request) logr.Logger {
	if req == nil {
		return base
	}
	return base.WithValues("namespace", req.Namespace, "user", req.UserInfo.Username, "requestID", string(req.UID))
}

// ServeHTTP implements [http.Handler].
func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req admission.Request
	review := admissionv1.AdmissionReview{Request: &req.AdmissionRequest}
	if !usual(r, &review) {
		s.Webhook.ServeHTTP(w, r)
		return
	}
	resp := s.Handle(r.Context(), req)
	review.Request, review.Response = nil, &resp.AdmissionResponse
	if err := json.NewEncoder(w).Encode(&review); err != nil { // the connection is broken
		log.FromContext(r.Context()).Error(err, "cannot write the answer", "requestID", string(req.UID))
	}
}

// maxUsual is the length of the longest review that is usual, in bytes. So much is
// allocated before any of it has arrived.
const maxUsual = 64 << 10

var reviewKind = admissionv1.SchemeGroupVersion.WithKind("AdmissionReview")

// usual decodes the review of a request, and reports whether it is one that the
// apiserver sends for a claim. If not, the body can be read again.
func usual(r *http.Request, review *admissionv1.AdmissionReview) bool {
	if r.ContentLength <= 0 || r.ContentLength > maxUsual || r.Header.Get("Content-Type") != "application/json" {
		return false
	}
	body := make([]byte, r.ContentLength)
	n, err := io.ReadFull(r.Body, body)
	if err == nil {
		err = utiljson.Unmarshal(body, review)
	}
	if err == nil && review.Request != nil && review.GroupVersionKind() == reviewKind {
		return true
	}
	r.Body = readAgain{io.MultiReader(bytes.NewReader(body[:n]), r.Body), r.Body}
	return false
}

// readAgain is a body of which a part was read before.
type readAgain struct {
	io.Reader
	io.Closer
}
