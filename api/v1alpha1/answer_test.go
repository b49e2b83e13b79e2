package v1alpha1_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestWarningForm pins the form that users' programs read.
func TestWarningForm(t *testing.T) {
	for want, got := range map[string]string{
		"snapback[Restored data-0-run]: a text": v1alpha1.Warning(v1alpha1.ReasonRestored, "data-0-run", "a text"),
		"snapback[NoSnapshot]: a text":          v1alpha1.Warning(v1alpha1.ReasonNoSnapshot, "", "a text"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got, want := v1alpha1.Cause(v1alpha1.ReasonTooSmall, "a text"), (metav1.StatusCause{Type: "snapback.dev/TooSmall", Message: "a text"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReadWarning(t *testing.T) {
	for text, want := range map[string]struct {
		reason   v1alpha1.Reason
		snapshot string
		ok       bool
	}{
		v1alpha1.Warning(v1alpha1.ReasonRestored, "a.b-0", "x [y]: z"): {v1alpha1.ReasonRestored, "a.b-0", true},
		v1alpha1.Warning(v1alpha1.ReasonTooSmall, "", "x y"):           {v1alpha1.ReasonTooSmall, "", true},
		v1alpha1.Warning("OfANewerVersion", "", "x"):                   {"OfANewerVersion", "", true},
		"snapback[Restored a-very-lo":                                  {},
		"another tool: snapback[Restored x]: y":                        {},
		"":                                                             {},
	} {
		if reason, snapshot, ok := v1alpha1.ReadWarning(text); reason != want.reason || snapshot != want.snapshot || ok != want.ok {
			t.Errorf("%q: read %q, %q, %t, want %+v", text, reason, snapshot, ok, want)
		}
	}
}

func TestReadCause(t *testing.T) {
	if reason, ok := v1alpha1.ReadCause(v1alpha1.Cause(v1alpha1.ReasonTooSmall, "")); reason != v1alpha1.ReasonTooSmall || !ok {
		t.Errorf("read %q, %t", reason, ok)
	}
	if reason, ok := v1alpha1.ReadCause(metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid}); ok {
		t.Errorf("read %q out of another's", reason)
	}
}
