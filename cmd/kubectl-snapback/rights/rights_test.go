package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
)

var patch = Right{Verb: "patch", Group: "snapshot.storage.k8s.io", Resource: "volumesnapshots", Namespace: "kafka"}

// apiserver answers reviews, and keeps what it was asked.
type apiserver struct {
	client.Client
	allows  func(*authorizationv1.ResourceAttributes) bool
	failure string // in evaluating the roles
	err     error
	asked   []string
}

func newApiserver(allows func(*authorizationv1.ResourceAttributes) bool) *apiserver {
	a := &apiserver{allows: allows}
	a.Client = fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			review := o.(*authorizationv1.SelfSubjectAccessReview)
			of := review.Spec.ResourceAttributes
			a.asked = append(a.asked, fmt.Sprintf("%s %s.%s %s/%s", of.Verb, of.Resource, of.Group, of.Namespace, of.Name))
			review.Status.Allowed, review.Status.EvaluationError = a.err == nil && a.allows(of), a.failure
			return a.err
		},
	}).Build()
	return a
}

func TestMay(t *testing.T) {
	t.Parallel()
	named := patch
	named.Name = "s"
	for name, test := range map[string]struct {
		right   Right
		allows  func(*authorizationv1.ResourceAttributes) bool
		failure string
		err     error
		may     bool
		why     string
		asked   []string
	}{
		"everywhere": {right: patch, allows: func(*authorizationv1.ResourceAttributes) bool { return true }, may: true,
			asked: []string{"patch volumesnapshots.snapshot.storage.k8s.io /"}},
		"in the namespace": {right: patch, allows: func(a *authorizationv1.ResourceAttributes) bool { return a.Namespace == "kafka" }, may: true,
			asked: []string{"patch volumesnapshots.snapshot.storage.k8s.io /", "patch volumesnapshots.snapshot.storage.k8s.io kafka/"}},
		"of this name": {right: named, allows: func(a *authorizationv1.ResourceAttributes) bool { return a.Name == "s" }, may: true,
			asked: []string{"patch volumesnapshots.snapshot.storage.k8s.io /", "patch volumesnapshots.snapshot.storage.k8s.io kafka/", "patch volumesnapshots.snapshot.storage.k8s.io kafka/s"}},
		"not at all": {right: patch, allows: never,
			why: "you may not patch volumesnapshots in namespace kafka: ask for a Role there that has the verb patch on volumesnapshots.snapshot.storage.k8s.io"},
		"of no name": {right: named, allows: never,
			why: "you may not patch volumesnapshots s in namespace kafka: ask for a Role there that has the verb patch on volumesnapshots.snapshot.storage.k8s.io"},
		"of the core": {right: Right{Verb: "get", Resource: "persistentvolumes"}, allows: never,
			why: "you may not get persistentvolumes: ask for a ClusterRole that has the verb get on persistentvolumes", asked: []string{"get persistentvolumes. /"}},
		"not all known": {right: patch, allows: never, failure: "a role is gone",
			why: "you may not patch volumesnapshots in namespace kafka: ask for a Role there that has the verb patch on volumesnapshots.snapshot.storage.k8s.io (the apiserver could not tell all: a role is gone)"},
		"no answer": {right: patch, err: errors.New("reset"),
			why: "whether you may patch volumesnapshots in namespace kafka is not known, since the apiserver did not say: reset"},
	} {
		a := newApiserver(test.allows)
		a.failure, a.err = test.failure, test.err
		may, why := New(a, time.Now).May(t.Context(), test.right)
		if may != test.may || why != test.why {
			t.Errorf("%s: %v, %q\nwant %v, %q", name, may, why, test.may, test.why)
		}
		if test.asked != nil && !slices.Equal(a.asked, test.asked) {
			t.Errorf("%s: asked %q", name, a.asked)
		}
	}
}

func never(*authorizationv1.ResourceAttributes) bool { return false }

// TestKept asks again and again: answers count for a minute, missing ones for a few
// seconds, and what a reader has not waited for not at all.
func TestKept(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)
	a := newApiserver(never)
	r := New(a, func() time.Time { return now })
	asks := func(what string, want int) {
		t.Helper()
		a.asked = nil
		r.May(t.Context(), patch)
		if len(a.asked) != want {
			t.Errorf("%s: asked %d times, want %d", what, len(a.asked), want)
		}
	}
	asks("at first", 2)
	now = now.Add(kept - time.Second)
	asks("soon after", 0)
	now = now.Add(2 * time.Second)
	a.err = errors.New("reset")
	asks("after a minute", 1)
	asks("while it fails", 0)
	now, a.err = now.Add(notAgain+time.Second), nil
	a.allows = func(*authorizationv1.ResourceAttributes) bool { return true }
	asks("after a failure", 1)
	asks("who may all", 0)
	if len(r.known) != 1 {
		t.Errorf("what is over is kept: %v", r.known)
	}

	now = now.Add(2 * kept)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	a.err = gone.Err()
	r.May(gone, patch)
	a.err = nil
	asks("after a reader has gone", 1)
}
