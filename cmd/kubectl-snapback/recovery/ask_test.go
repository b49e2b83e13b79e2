package recovery

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/snapshots"
)

// TestObjection has answers to claims with a stable and with a generated name.
func TestObjection(t *testing.T) {
	t.Parallel()
	const restored = v1alpha1.ReasonRestored
	notAsked := "Snapback was not asked about it"
	for name, test := range map[string]struct {
		answer    rehearsal.Answer
		generated bool
		want      string // the beginning; empty: none
	}{
		"as planned":                {rehearsal.Answer{Reason: restored, Snapshot: "good"}, false, ""},
		"the old one is there":      {rehearsal.Answer{Outcome: rehearsal.Exists, Reason: restored, Snapshot: "good"}, false, ""},
		"the old one has its quota": {rehearsal.Answer{Outcome: rehearsal.OverQuota, Reason: restored, Snapshot: "good"}, false, ""},
		"another":                   {rehearsal.Answer{Outcome: rehearsal.Exists, Reason: restored, Snapshot: "newer", Says: []string{"a", "b"}}, false, "a; b"},
		"empty":                     {rehearsal.Answer{Reason: v1alpha1.ReasonNoSnapshot, Says: []string{"empty"}}, false, "empty"},
		"not asked":                 {rehearsal.Answer{}, false, notAsked},
		"left alone":                {rehearsal.Answer{Outcome: rehearsal.LeftAlone, Reason: v1alpha1.ReasonDataSourceSet}, false, "Snapback leaves it alone"},
		"others only":               {rehearsal.Answer{Outcome: rehearsal.Exists, Says: []string{"an old API"}}, false, notAsked},
		"beside the old one":        {rehearsal.Answer{Outcome: rehearsal.Refused, Reason: v1alpha1.ReasonDuplicateVolume, Says: []string{"two"}}, true, ""},
		"beside another":            {rehearsal.Answer{Outcome: rehearsal.Refused, Reason: v1alpha1.ReasonDuplicateVolume, Says: []string{"two"}}, false, "two"},
		"refused":                   {rehearsal.Answer{Outcome: rehearsal.Refused, Reason: v1alpha1.ReasonTooSmall, Says: []string{"too small"}}, true, "too small"},
		"refused by others":         {rehearsal.Answer{Outcome: rehearsal.Blocked, Reason: restored, Snapshot: "good", Says: []string{"a policy"}}, false, "a policy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item := &Item{Snapshot: &snapshots.Snapshot{Name: "good"}, again: &corev1.PersistentVolumeClaim{}}
			if test.generated {
				item.again.GenerateName = "kafka-0-storage-0-"
			}
			if got := item.objection(test.answer); (got == "") != (test.want == "") || !strings.HasPrefix(got, test.want) {
				t.Errorf("it objects with %q, want %q", got, test.want)
			}
		})
	}
}

// TestMayNotAsk restores for somebody who may not create claims: that is said
// once, and not that anybody was asked.
func TestMayNotAsk(t *testing.T) {
	t.Parallel()
	c := cluster(boundClaim(broker("0")), snapshotOf(broker("0")).Obj(), boundClaim(broker("1")), snapshotOf(broker("1")).Obj()).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, _ client.Object, _ ...client.CreateOption) error {
			return apierrors.NewForbidden(corev1.Resource("persistentvolumeclaims"), "", errors.New(`User "x" cannot create resource "persistentvolumeclaims"`))
		}}).Build()
	said := &bytes.Buffer{}
	r := &Runner{Client: c, Plan: plan(t, c, Request{All: true, Before: noon}), Out: said}
	if err := r.ask(t.Context()); err != nil || said.String() != "you may not create claims, so the webhook could not be asked in a dry run what it would do\n" {
		t.Errorf("said %q (error: %v)", said, err)
	}
}
