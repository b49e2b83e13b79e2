// Package webhook answers the creation of PVCs: a lost broker's claim gets the
// newest good snapshot of its volume as its dataSource.
package webhook

import (
	"context"
	"fmt"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// deadline bounds one answer. It is below the timeoutSeconds of the webhook
// configuration, so that the creator reads our reason and not a time-out.
const deadline = 4 * time.Second

// Handler answers AdmissionReviews of PVCs. All it writes are Events of
// refusals, none in a dry run.
type Handler struct {
	// FailOpen lets a claim through, with a warning, when its snapshots cannot be
	// looked up: its broker may start empty.
	FailOpen bool

	decider  decider
	recorder events.EventRecorder
	now      func() time.Time
}

var _ admission.Handler = &Handler{}

// NewHandler returns a handler that reads through r and tells the time by now.
// Without a recorder it leaves no Events.
func NewHandler(r Readers, recorder events.EventRecorder, now func() time.Time) *Handler {
	return &Handler{decider: decider{Readers: r, lists: &turns{}}, recorder: recorder, now: now}
}

// Handle implements [admission.Handler].
func (h *Handler) Handle(ctx context.Context, req admission.Request) admission.Response {
	// Not the server's to cancel: when it is told to end, what has reached it is
	// still answered.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	pvc, err := decode(req)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	start := time.Now()
	verdict, err := h.decider.decide(ctx, req.Namespace, pvc, h.now())
	decision := verdict.Decision
	if err != nil {
		decision = h.undecided()
	}
	dryRun := req.DryRun != nil && *req.DryRun
	if !dryRun { // who only asks pages nobody
		count(decision, time.Since(start))
		tell(h.recorder, verdict.backups, decision)
	}
	log.FromContext(ctx).Info("decision", "outcome", decision.Outcome, "reason", decision.Reason,
		"namespace", req.Namespace, "name", pvc.Name, "generateName", pvc.GenerateName,
		"snapshot", decision.SnapshotName(), "dryRun", dryRun, "error", err)
	return respond(pvc, decision)
}

// undecided is what a claim gets whose snapshots cannot be looked up. The cause
// is in the log: its ports and addresses vary, and an operator that copies the
// text into a status would loop.
func (h *Handler) undecided() snapshots.Decision {
	d := snapshots.Decision{Outcome: v1alpha1.OutcomeError, Reason: v1alpha1.ReasonInternal,
		Message: "snapback could not look up the snapshots of this volume: try again; the log of its webhook container says why"}
	if h.FailOpen {
		d.Outcome = v1alpha1.OutcomeAllow
		d.Message = "the snapshots of this volume could not be looked up, and snapback fails open: it starts empty; the log of its webhook container says why"
	}
	return d
}

// decode reads the claim. What is not the creation of a claim is an error: the
// webhook configuration sends nothing else.
func decode(req admission.Request) (*corev1.PersistentVolumeClaim, error) {
	if req.Kind.Group != "" || req.Kind.Kind != "PersistentVolumeClaim" || req.Operation != admissionv1.Create {
		return nil, fmt.Errorf("snapback answers the creation of PersistentVolumeClaims, and was asked about operation %q of kind %q: check the rules of its webhook configuration", req.Operation, req.Kind.Kind)
	}
	// Read once, unlike by a decoder that looks for the kind first: this is half
	// of what a claim costs us.
	pvc := &corev1.PersistentVolumeClaim{}
	if err := json.Unmarshal(req.Object.Raw, pvc); err != nil {
		return nil, fmt.Errorf("decode the PersistentVolumeClaim: %w", err)
	}
	if is := pvc.GroupVersionKind(); !is.Empty() && is != corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim") {
		return nil, fmt.Errorf("decode the PersistentVolumeClaim: it is a %s", is)
	}
	return pvc, nil
}
