package rehearsal

import (
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// The texts by which Kubernetes' errors are recognised. Their reasons and details
// are no help: many other errors have the same.
const (
	textNotCalled    = "failed calling webhook" // in an InternalError
	textDenied       = "denied the request"     // from any webhook, with any code
	textOverQuota    = "exceeded quota"         // in a Forbidden, like all built-in admission
	textMayNotCreate = "cannot create resource" // in a Forbidden, too
)

// outcomeOf returns what an apiserver's error means that is no refusal by
// Snapback.
func outcomeOf(err error) Outcome {
	if err == nil {
		return Created
	}
	text := err.Error()
	switch forbidden := apierrors.IsForbidden(err); {
	case apierrors.IsAlreadyExists(err):
		return Exists
	case strings.Contains(text, textNotCalled):
		return Away
	case forbidden && strings.Contains(text, textOverQuota):
		return OverQuota
	case forbidden && strings.Contains(text, textMayNotCreate):
		return NotAllowed
	case forbidden, strings.Contains(text, textDenied):
		return Blocked
	}
	return Failed
}
