package v1alpha1

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// These functions write and read the part of the webhook's answers that is for
// programs. An apiserver passes the details of a refusal on unchanged. For a claim
// that is allowed, but then not created, it passes on only the warnings: so these
// begin with a part for programs, too.

const (
	warningBegins = "snapback["
	warningText   = "]: " // the text after it is for people
)

// Warning returns the text of a warning, "snapback[Reason]: text". The warning that
// a claim is restored also has the name of its VolumeSnapshot:
// "snapback[Reason NAME]: text".
func Warning(reason Reason, snapshot, text string) string {
	said := string(reason)
	if snapshot != "" {
		said += " " + snapshot
	}
	return warningBegins + said + warningText + text
}

// ReadWarning returns the reason and snapshot that [Warning] was given. It reports
// false for warnings of others, and for a warning that the apiserver has cut too
// short: it cuts all warnings to 256 characters if they have more than 4096 in one
// answer.
func ReadWarning(text string) (reason Reason, snapshot string, ok bool) {
	rest, ours := strings.CutPrefix(text, warningBegins)
	said, _, whole := strings.Cut(rest, warningText)
	if !ours || !whole {
		return "", "", false
	}
	first, snapshot, _ := strings.Cut(said, " ")
	return Reason(first), snapshot, true
}

// Cause returns the cause for the details of a refusal's status. Its type is the
// reason with Snapback's domain, since other webhooks refuse claims, too.
func Cause(reason Reason, message string) metav1.StatusCause {
	return metav1.StatusCause{Type: metav1.CauseType(Domain + string(reason)), Message: message}
}

// ReadCause returns the reason that [Cause] was given. It reports false for
// causes of others.
func ReadCause(cause metav1.StatusCause) (Reason, bool) {
	reason, ours := strings.CutPrefix(string(cause.Type), Domain)
	return Reason(reason), ours
}
