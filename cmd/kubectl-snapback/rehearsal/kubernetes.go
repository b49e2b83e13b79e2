package rehearsal

import (
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// What an apiserver says in words only: the reasons and details of these errors
// are those of many others.
const (
	textNotCalled    = "failed calling webhook" // of an InternalError
	textDenied       = "denied the request"     // by any webhook, which gives whatever code it likes
	textOverQuota    = "exceeded quota"         // of a Forbidden, as all built-in admission gives
	textMayNotCreate = "cannot create resource" // of a Forbidden, as well
)

// outcomeOf is what an apiserver's error means, other than a refusal of
// Snapback's.
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
