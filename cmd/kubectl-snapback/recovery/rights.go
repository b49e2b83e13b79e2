package recovery

import (
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
)

// Right is a right that a user needs. Without a namespace it is for objects that
// are in none.
type Right struct{ verb, group, resource, namespace string }

// changeVolumes are the rights to change the policy of a PersistentVolume.
var changeVolumes = []Right{{verb: "get", resource: "persistentvolumes"}, {verb: "patch", resource: "persistentvolumes"}}

func (r Right) String() string {
	if r.namespace == "" {
		return r.verb + " " + r.resource
	}
	return fmt.Sprintf("%s %s in namespace %s", r.verb, r.resource, r.namespace)
}

// CheckRights returns the rights for the plan that the caller lacks. Those for the
// operator are apart, since its part can be done by hand.
func CheckRights(ctx context.Context, c client.Client, p *Plan, o Operator) (own, operators []string, err error) {
	namespace := p.Cluster.Namespace
	needed := []Right{
		{"patch", snapshotv1.GroupName, "volumesnapshots", namespace},
		{"delete", "", "persistentvolumeclaims", namespace},
		{"delete", "", "pods", namespace},
	}
	if own, err = lacking(ctx, c, needed); err != nil {
		return nil, nil, err
	}
	if p.keeps() && !p.unread {
		said, err := lacking(ctx, c, changeVolumes)
		if err != nil {
			return nil, nil, err
		}
		if len(said) > 0 {
			own = append(own, said[0]+cannotKeep(p))
		}
	}
	if !p.All {
		return own, nil, nil
	}
	operators, err = lacking(ctx, c, o.Asks())
	return own, operators, err
}

func lacking(ctx context.Context, c client.Client, rights []Right) (said []string, err error) {
	for _, r := range rights {
		resource, part, _ := strings.Cut(r.resource, "/")
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: r.verb, Group: r.group, Resource: resource, Subresource: part, Namespace: r.namespace}}}
		if err := c.Create(ctx, review); err != nil {
			return nil, fmt.Errorf("ask what you may do: %w", err)
		}
		if !review.Status.Allowed {
			said = append(said, fmt.Sprintf("you may not %s", r))
		}
	}
	return said, nil
}
