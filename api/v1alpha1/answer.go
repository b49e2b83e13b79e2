package v1alpha1

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What the webhook's answers say to programs. An apiserver hands the details of
// a refusal on as they are. Of a claim that is allowed, but then not created, it
// hands on the warnings alone: so these say it, too, before what is for people.

const (
	warningBegins = "snapback["
	warningText   = "]: " // what follows is for people
)

// Warning is the text of a warning, "snapback[Reason]: text". The warning that
// says which VolumeSnapshot a claim is restored from names it there:
// "snapback[Reason NAME]: text".
func Warning(reason Reason, snapshot, text string) string {
	said := string(reason)
	if snapshot != "" {
		said += " " + snapshot
	}
	return warningBegins + said + warningText + text
}

// ReadWarning returns what [Warning] was given. It reports false for warnings of
// others, and for what an apiserver has cut off too early: it cuts all warnings
// to 256 characters if there are more than 4096 in one answer.
func ReadWarning(text string) (reason Reason, snapshot string, ok bool) {
	rest, ours := strings.CutPrefix(text, warningBegins)
	said, _, whole := strings.Cut(rest, warningText)
	if !ours || !whole {
		return "", "", false
	}
	first, snapshot, _ := strings.Cut(said, " ")
	return Reason(first), snapshot, true
}

// Cause is the cause in the details of a refusal's status. Its type is the
// reason with Snapback's domain, since other webhooks refuse, too.
func Cause(reason Reason, message string) metav1.StatusCause {
	return metav1.StatusCause{Type: metav1.CauseType(Domain + string(reason)), Message: message}
}

// ReadCause returns the reason that [Cause] was given. It reports false for
// causes of others.
func ReadCause(cause metav1.StatusCause) (Reason, bool) {
	reason, ours := strings.CutPrefix(string(cause.Type), Domain)
	return Reason(reason), ours
}
