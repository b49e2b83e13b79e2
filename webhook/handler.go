// Package webhook is the admission webhook for the creation of PVCs. It sets the
// newest good snapshot of a lost broker's volume as the dataSource of its claim.
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

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/tracing"
)

// deadline is the time limit of one answer. It is below the timeoutSeconds of the
// webhook configuration, so that the creator reads our reason and not a time-out.
const deadline = 4 * time.Second

// Handler answers AdmissionReviews of PVCs. It writes only Events of refusals and the
// history, and nothing in a dry run.
type Handler struct {
	// FailOpen lets a claim through, with a warning, when its snapshots cannot be
	// looked up: its broker may start empty.
	FailOpen bool

	// History records what was decided; nil: nobody does.
	History *history.Recorder

	// Tracer traces what claims are answered; nil: nothing is traced.
	Tracer *tracing.Tracer

	decider  decider
	recorder events.EventRecorder
	now      func() time.Time
}

var _ admission.Handler = &Handler{}

// NewHandler returns a handler that reads from r and takes the time from now.
// Without a recorder it records no Events.
func NewHandler(r Readers, recorder events.EventRecorder, now func() time.Time) *Handler {
	return &Handler{decider: decider{Readers: r, lists: &turns{}}, recorder: recorder, now: now}
}

// Handle implements [admission.Handler].
func (h *Handler) Handle(ctx context.Context, req admission.Request) admission.Response {
	// The server must not cancel this: when it shuts down, requests that have
	// reached it are still answered.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	begun := time.Now()
	pvc, err := decode(req)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	dryRun := req.DryRun != nil && *req.DryRun
	start, seen := time.Now(), h.observe(dryRun, begun)
	verdict, err := seen.through(h.decider).decide(ctx, req.Namespace, pvc, timeOf(pvc, h.now()))
	decision := verdict.Decision
	if err != nil {
		decision = h.undecided()
	}
	took := time.Since(start)
	story, traced := h.trace(ctx, seen, req, pvc, decision)
	logger := log.FromContext(ctx)
	if traced {
		decision, logger = withTrace(decision, story), logger.WithValues("trace", story.ID())
	}
	answer, entry := respond(pvc, decision), ""
	if !dryRun { // a dry run must not raise an alert
		count(decision, took, story, traced)
		tell(h.recorder, verdict.backups, decision)
		if entry = h.remember(req, pvc, verdict, decision); entry != "" {
			answer.AuditAnnotations["history"] = entry
		}
	}
	logger.Info("decision", "outcome", decision.Outcome, "reason", decision.Reason,
		"claim", pvc.Name, "generateName", pvc.GenerateName, // the logger has the namespace
		"snapshot", decision.SnapshotName(), "dryRun", dryRun, "history", entry, "error", err)
	return answer
}

// undecided returns the decision for a claim whose snapshots cannot be looked up.
// The cause is only in the log: its ports and addresses vary, and an operator that
// copies the text into a status would loop.
func (h *Handler) undecided() snapshots.Decision {
	d := snapshots.Decision{Outcome: v1alpha1.OutcomeError, Reason: v1alpha1.ReasonInternal,
		Message: "snapback could not look up the snapshots of this volume: try again; the log of its webhook container says why"}
	if h.FailOpen {
		d.Outcome = v1alpha1.OutcomeAllow
		d.Message = "the snapshots of this volume could not be looked up, and snapback fails open: it starts empty; the log of its webhook container says why"
	}
	return d
}

// decode returns the claim of a request. A request that is not the creation of a
// claim is an error: the webhook configuration sends nothing else.
func decode(req admission.Request) (*corev1.PersistentVolumeClaim, error) {
	if req.Kind.Group != "" || req.Kind.Kind != "PersistentVolumeClaim" || req.Operation != admissionv1.Create {
		return nil, fmt.Errorf("snapback answers the creation of PersistentVolumeClaims, and was asked about operation %q of kind %q: check the rules of its webhook configuration", req.Operation, req.Kind.Kind)
	}
	// This decodes once. A decoder that looks for the kind first would decode twice,
	// and decoding is half of the cost of a claim.
	pvc := &corev1.PersistentVolumeClaim{}
	if err := json.Unmarshal(req.Object.Raw, pvc); err != nil {
		return nil, fmt.Errorf("decode the PersistentVolumeClaim: %w", err)
	}
	if is := pvc.GroupVersionKind(); !is.Empty() && is != corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim") {
		return nil, fmt.Errorf("decode the PersistentVolumeClaim: it is a %s", is)
	}
	return pvc, nil
}
