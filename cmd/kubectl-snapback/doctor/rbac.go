package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// atOnce is how many reviews the apiserver gets at the same time.
const atOnce = 8

// checkRights asks the apiserver what Snapback's ServiceAccount may do. It does
// not read roles: any role may grant a right.
func checkRights(ctx context.Context, e *examination) ([]Finding, error) {
	rights := Rights
	if d, err := e.deployment(ctx); err == nil && selfSigned(d) {
		rights = slices.Concat(Rights, CertificateRights)
	}
	var mu sync.Mutex
	var refused []string
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, review := range reviews(rights, e.system) {
		group.Go(func() error {
			if err := e.Create(ctx, review); err != nil {
				return fmt.Errorf("ask for the rights of serviceaccount %s/%s: %w", e.system, v1alpha1.Installation, err)
			}
			if !review.Status.Allowed {
				mu.Lock()
				defer mu.Unlock()
				refused = append(refused, words(review.Spec.ResourceAttributes))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return []Finding{judgeRights(refused, e.system)}, nil
}

func judgeRights(refused []string, system string) Finding {
	subject := "ServiceAccount " + system + "/" + v1alpha1.Installation
	if len(refused) == 0 {
		return ok(subject, "it has all of its rights")
	}
	slices.Sort(refused)
	return problem(subject, "it may not "+several(refused), "apply the manifests of Snapback again, or helm upgrade: ClusterRole and Role snapback, and their bindings")
}

// reviews returns one review for each verb of the rights.
func reviews(rights []Right, system string) (all []*authorizationv1.SubjectAccessReview) {
	for _, r := range rights {
		resource, subresource, _ := strings.Cut(r.Resource, "/")
		namespace := ""
		if r.Own {
			namespace = system
		}
		for verb := range strings.FieldsSeq(r.Verbs) {
			all = append(all, review(system, authorizationv1.ResourceAttributes{Verb: verb, Group: r.Group,
				Resource: resource, Subresource: subresource, Name: r.Name, Namespace: namespace}))
		}
	}
	return all
}

// review returns the question whether Snapback may do something.
func review(system string, what authorizationv1.ResourceAttributes) *authorizationv1.SubjectAccessReview {
	what.Version = "*"
	return &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + system + ":" + v1alpha1.Installation,
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + system, "system:authenticated"},
		ResourceAttributes: &what,
	}}
}

func words(a *authorizationv1.ResourceAttributes) string {
	text := a.Verb + " " + a.Resource
	if a.Subresource != "" {
		text += "/" + a.Subresource
	}
	if a.Group != "" {
		text += "." + a.Group
	}
	if a.Name != "" {
		text += " " + a.Name
	}
	return text
}
