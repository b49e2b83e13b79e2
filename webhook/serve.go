package webhook

import (
	"net/http"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// Admission returns the handler as a server calls it.
func (h *Handler) Admission() http.Handler {
	served := &admission.Webhook{Handler: h, LogConstructor: logger}
	if h.Tracer != nil {
		served.WithContextFunc = withCaller
	}
	return served
}

// logger returns the logger of a request; nil: of none. The default one also has the
// kind and the object, which costs more than the line: each is encoded twice.
func logger(base logr.Logger, req *admission.Request) logr.Logger {
	if req == nil {
		return base
	}
	return base.WithValues("namespace", req.Namespace, "user", req.UserInfo.Username, "requestID", string(req.UID))
}
