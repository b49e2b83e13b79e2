// Package rights knows what the user may do in the cluster, and says in words what
// they lack.
package rights

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// kept is how long an answer counts: a page asks about each of its buttons, and
	// rights change rarely.
	kept = time.Minute

	// notAgain is how long nothing is asked after a question that was not answered: not
	// every button of a page waits for an apiserver that is away.
	notAgain = 5 * time.Second

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

	mu     sync.Mutex
	known  map[Right]answer
	failed error // of the last question that was not answered
	until  time.Time
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
	if a, known := r.kept(right); known {
		return a
	}
	a, err := ask(ctx, r.client, right)
	if ctx.Err() != nil { // the reader has gone away: this says nothing about the apiserver
		return notKnown(right, ctx.Err())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failed, r.until = err, r.now().Add(notAgain)
		return notKnown(right, err)
	}
	a.until = r.now().Add(kept)
	r.known[right] = a
	return a
}

// kept returns what is known of a right without asking, and forgets what is over.
func (r *Rights) kept(right Right) (answer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	maps.DeleteFunc(r.known, func(_ Right, a answer) bool { return !now.Before(a.until) })
	if a, known := r.known[right]; known {
		return a, true
	}
	if now.Before(r.until) {
		return notKnown(right, r.failed), true
	}
	return answer{}, false
}

func ask(ctx context.Context, c client.Client, right Right) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: right.Verb, Group: right.Group, Version: "*", Resource: right.Resource, Namespace: right.Namespace, Name: right.Name}}}
	if err := c.Create(ctx, review); err != nil {
		return answer{}, err
	}
	if review.Status.Allowed {
		return answer{may: true}, nil
	}
	return answer{why: right.lacking(review.Status.EvaluationError)}, nil
}

func notKnown(right Right, err error) answer {
	return answer{why: fmt.Sprintf("whether you may %s is not known, since the apiserver did not say: %v", right, err)}
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
