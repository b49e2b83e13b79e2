// Package rights knows what the user may do in the cluster, and says in words what
// they lack.
package rights

import (
	"context"
	"fmt"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// kept is how long an answer counts: a page asks about each of its buttons, and
	// rights change rarely.
	kept = time.Minute

	// keptFailed is the same for a question that was not answered: not every button of
	// a page waits for an apiserver that is away.
	keptFailed = 5 * time.Second

	// answerWithin is how long the apiserver may take.
	answerWithin = 3 * time.Second
)

// Right is what a user may do or not.
type Right struct {
	Verb, Group, Resource string
	Namespace             string // empty: in all of them
	Name                  string // of the one object; empty: all objects
}

// Rights asks the apiserver what the user may do.
type Rights struct {
	client client.Client
	now    func() time.Time

	mu    sync.Mutex
	known map[Right]answer
}

type answer struct {
	may   bool
	why   string // not, in words
	until time.Time
}

// New returns Rights that ask through the client.
func New(c client.Client, now func() time.Time) *Rights {
	return &Rights{client: c, now: now, known: map[Right]answer{}}
}

// May reports whether the user has a right, and if not, why in words that say what to
// do. If it could not be asked, the right counts as lacking and the words say so: what
// is done in spite of it is refused by the apiserver anyway.
func (r *Rights) May(ctx context.Context, right Right) (may bool, why string) {
	for _, wider := range right.wider() { // who may do it everywhere is asked about once
		if r.answer(ctx, wider).may {
			return true, ""
		}
	}
	a := r.answer(ctx, right)
	return a.may, a.why
}

// wider returns the rights that include this one, the widest first.
func (right Right) wider() (all []Right) {
	everywhere, unnamed := right, right
	everywhere.Namespace, everywhere.Name, unnamed.Name = "", "", ""
	for _, w := range []Right{everywhere, unnamed} {
		if w != right {
			all = append(all, w)
		}
	}
	return all
}

func (r *Rights) answer(ctx context.Context, right Right) answer {
	r.mu.Lock()
	a, known := r.known[right]
	r.mu.Unlock()
	if known && r.now().Before(a.until) {
		return a
	}
	a = r.ask(ctx, right)
	if ctx.Err() != nil { // the reader has gone away: this says nothing about the apiserver
		return a
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for old, known := range r.known {
		if !r.now().Before(known.until) {
			delete(r.known, old)
		}
	}
	r.known[right] = a
	return a
}

func (r *Rights) ask(ctx context.Context, right Right) answer {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: right.Verb, Group: right.Group, Version: "*", Resource: right.Resource, Namespace: right.Namespace, Name: right.Name}}}
	if err := r.client.Create(ctx, review); err != nil {
		return answer{why: fmt.Sprintf("whether you may %s is not known, since the apiserver did not say: %v", right, err), until: r.now().Add(keptFailed)}
	}
	if review.Status.Allowed {
		return answer{may: true, until: r.now().Add(kept)}
	}
	return answer{why: right.lacking(review.Status.EvaluationError), until: r.now().Add(kept)}
}

// lacking returns the words that the user has not got the right.
func (right Right) lacking(failure string) string {
	object := right.Resource
	if right.Group != "" {
		object += "." + right.Group
	}
	said := fmt.Sprintf("you may not %s: ask for a Role there that has the verb %s on %s", right, right.Verb, object)
	if right.Namespace == "" {
		said = fmt.Sprintf("you may not %s: ask for a ClusterRole that has the verb %s on %s", right, right.Verb, object)
	}
	if failure != "" {
		said += " (the apiserver could not tell all: " + failure + ")"
	}
	return said
}

// String returns the right in words.
func (right Right) String() string {
	said := right.Verb + " " + right.Resource
	if right.Name != "" {
		said += " " + right.Name
	}
	if right.Namespace != "" {
		said += " in namespace " + right.Namespace
	}
	return said
}
