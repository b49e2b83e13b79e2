package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// answer is what the apiserver answers to a dry run of the creation of a claim.
type answer struct {
	outcome answered
	from    string   // the VolumeSnapshot that it is restored from; empty: none
	says    []string // the warnings or the refusal, word for word
}

type answered int

const (
	answeredCreated answered = iota // the claim as it would be is known
	answeredExists                  // it was admitted, but is there: only the warnings are known
	answeredRefused                 // by an admission webhook
	answeredAway                    // the webhook could not be called, and fails closed
)

// heard keeps the warnings of the apiserver.
type heard struct {
	mu       sync.Mutex
	warnings []string
}

// HandleWarningHeaderWithContext implements [rest.WarningHandlerWithContext].
func (h *heard) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if text != "" {
		h.warnings = append(h.warnings, text)
	}
}

// take returns what was heard, and forgets it.
func (h *heard) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	said := h.warnings
	h.warnings = nil
	return said
}

var (
	restoredFrom = regexp.MustCompile(`^snapback: .*(?:is restored from|waits for) VolumeSnapshot (\S+) of `)
	refusal      = regexp.MustCompile(`admission webhook "[^"]*" denied the request: `)
)

// ask asks the webhook, by a dry run, what it would answer to the creation of
// the claim.
func ask(ctx context.Context, c client.Client, warnings *heard, pvc *corev1.PersistentVolumeClaim) (answer, error) {
	warnings.take()
	created := pvc.DeepCopy()
	err := c.Create(ctx, created, client.DryRunAll)
	said := warnings.take()
	a := answer{says: said}
	var status apierrors.APIStatus
	switch {
	case err == nil:
		a.from = created.Annotations[v1alpha1.AnnotationRestoredFrom]
		return a, nil
	case apierrors.IsAlreadyExists(err), apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"): // which is looked at later
		a.outcome = answeredExists
		if !apierrors.IsAlreadyExists(err) {
			a.says = append(a.says, "but a quota of the namespace refuses it, unless the lost claim frees its share: "+err.Error())
		}
		for _, text := range said {
			if found := restoredFrom.FindStringSubmatch(text); found != nil {
				a.from = found[1]
			}
		}
		return a, nil
	case !errors.As(err, &status):
	case refusal.MatchString(status.Status().Message):
		at := refusal.FindStringIndex(status.Status().Message)
		return answer{outcome: answeredRefused, says: append([]string{status.Status().Message[at[1]:]}, said...)}, nil
	case strings.Contains(status.Status().Message, "failed calling webhook"):
		return answer{outcome: answeredAway, says: append([]string{status.Status().Message}, said...)}, nil
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "cannot create resource"):
		return a, fmt.Errorf("to ask the webhook you need the right to create PersistentVolumeClaims in namespace %s, also for a dry run: %w", pvc.Namespace, err)
	}
	return a, fmt.Errorf("ask about claim %s by a dry run: %w", pvc.Name+pvc.GenerateName, err)
}

// What Kubernetes notes on a claim that is bound.
var bindingAnnotations = []string{
	"pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller",
	"volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node",
}

// asNew is the claim as its operator would create it again: without what the
// apiserver, the binder and Snapback have put into it.
func asNew(pvc *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	fresh := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pvc.Namespace, Name: pvc.Name, GenerateName: pvc.GenerateName,
			Labels: pvc.Labels, Annotations: maps.Clone(pvc.Annotations), OwnerReferences: pvc.OwnerReferences,
		},
		Spec: *pvc.Spec.DeepCopy(),
	}
	if pvc.UID != "" { // it is, or was, there
		fresh.Spec.VolumeName = ""
		if fresh.GenerateName != "" {
			fresh.Name = ""
		}
	}
	if fresh.Annotations[v1alpha1.AnnotationRestoredFrom] != "" {
		fresh.Spec.DataSource, fresh.Spec.DataSourceRef = nil, nil
	}
	for _, annotation := range append(bindingAnnotations,
		v1alpha1.AnnotationRestoredFrom, v1alpha1.AnnotationRestoredTime, v1alpha1.AnnotationRestoredBy) {
		delete(fresh.Annotations, annotation)
	}
	return fresh
}
