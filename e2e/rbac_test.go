package e2e

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/doctor"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// everybodys are what any authenticated client may do.
var everybodys = []doctor.Right{
	{Group: "authentication.k8s.io", Resource: "selfsubjectreviews", Verbs: "create"},
	{Group: "authorization.k8s.io", Resource: "selfsubjectaccessreviews", Verbs: "create"},
	{Group: "authorization.k8s.io", Resource: "selfsubjectrulesreviews", Verbs: "create"},
}

// permissions says each verb of the rights in a line of its own.
func permissions(all []doctor.Right) []string {
	var lines []string
	for _, r := range all {
		for verb := range strings.FieldsSeq(r.Verbs) {
			lines = append(lines, fmt.Sprintf("%s %s.%s %q, own namespace only: %t", verb, r.Resource, r.Group, r.Name, r.Own))
		}
	}
	slices.Sort(lines)
	return lines
}

// granted are the rights of the Roles and ClusterRoles of a kustomization.
func granted(t *testing.T, dir string) []doctor.Right {
	t.Helper()
	var all []doctor.Right
	for _, o := range render(t, dir) {
		if o.GetKind() != "Role" && o.GetKind() != "ClusterRole" {
			continue
		}
		all = append(all, ofRole(t, o)...)
	}
	return all
}

func ofRole(t *testing.T, o unstructured.Unstructured) []doctor.Right {
	t.Helper()
	var role rbacv1.Role // a ClusterRole's rules are the same
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
		t.Fatal(err)
	}
	var all []doctor.Right
	for _, rule := range role.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				names := rule.ResourceNames
				if len(names) == 0 {
					names = []string{""}
				}
				for _, name := range names {
					all = append(all, doctor.Right{Group: group, Resource: resource, Name: name, Verbs: strings.Join(rule.Verbs, " "), Own: o.GetKind() == "Role"})
				}
			}
		}
	}
	return all
}

// usesHere are those of the main ServiceAccount's rights that this package's tests
// must bring about: the others have tests elsewhere.
func usesHere() []cluster.Use {
	return uses(doctor.Rights, slices.Concat(cluster.SchedulerUses, cluster.CommandUses, cluster.WebhookUses))
}

// uses are those of rights, without the ones that have tests elsewhere.
func uses(rights []doctor.Right, elsewhere []cluster.Use) []cluster.Use {
	var all []cluster.Use
	for _, r := range rights {
		for verb := range strings.FieldsSeq(r.Verbs) {
			if use := (cluster.Use{Group: r.Group, Resource: r.Resource, Verb: verb}); !slices.Contains(elsewhere, use) {
				all = append(all, use)
			}
		}
	}
	return all
}

// TestRightsAreNamed holds the roles against the table that says why.
func TestRightsAreNamed(t *testing.T) {
	for dir, want := range map[string][]doctor.Right{
		"base": doctor.Rights, "default": doctor.Rights, "self-signed": slices.Concat(doctor.Rights, doctor.CertificateRights), "components/drills": doctor.DrillRights,
	} {
		got, want := permissions(granted(t, dir)), permissions(want)
		for _, line := range got {
			if !slices.Contains(want, line) {
				t.Errorf("%s grants what the table does not explain: %s", dir, line)
			}
		}
		for _, line := range want {
			if !slices.Contains(got, line) {
				t.Errorf("%s does not grant: %s", dir, line)
			}
		}
	}
	for _, r := range slices.Concat(doctor.Rights, doctor.CertificateRights, doctor.DrillRights) {
		if r.Why == "" {
			t.Errorf("why %s %s?", r.Verbs, r.Resource)
		}
	}
}

// TestDrillsRightsAreApart checks that the component drills gives the main
// ServiceAccount nothing.
func TestDrillsRightsAreApart(t *testing.T) {
	bindings := 0
	for name, o := range render(t, "components/drills") {
		if o.GetKind() != "RoleBinding" && o.GetKind() != "ClusterRoleBinding" {
			continue
		}
		bindings++
		subjects, _, err := unstructured.NestedSlice(o.Object, "subjects")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"kind": "ServiceAccount", "name": cluster.DrillsAccount, "namespace": cluster.Namespace}
		if len(subjects) != 1 || !reflect.DeepEqual(subjects[0], want) {
			t.Errorf("%s is for %v", name, subjects)
		}
	}
	if bindings != 2 {
		t.Errorf("%d bindings", bindings)
	}
}

// TestNothingElseIsAllowed asks the apiserver, as each ServiceAccount, about every
// verb of every resource that it serves.
func TestNothingElseIsAllowed(t *testing.T) {
	t.Parallel()
	for name, rights := range map[string][]doctor.Right{cluster.Account: doctor.Rights, cluster.DrillsAccount: doctor.DrillRights} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nothingElse(t, name, rights)
		})
	}
}

func nothingElse(t *testing.T, name string, rights []doctor.Right) {
	t.Helper()
	ns := newNamespace(t, apiClient(t), nil)
	config, err := shared.Get(t).AccountConfig(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	account, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.SetLimit(8)
	asked := 0
	for _, what := range questions(t, ns, rights) {
		asked++
		group.Go(func() error {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what}}
			answer, err := account.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			if want := expected(what, rights); answer.Status.Allowed != want {
				t.Errorf("%s %s/%s.%s %q in namespace %q: allowed %t, want %t", what.Verb, what.Resource, what.Subresource, what.Group, what.Name, what.Namespace, answer.Status.Allowed, want)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if asked < 1000 {
		t.Errorf("only %d questions were asked", asked)
	}
}

// expected is what the tables say to a question.
func expected(what authorizationv1.ResourceAttributes, rights []doctor.Right) bool {
	resource := strings.TrimSuffix(what.Resource+"/"+what.Subresource, "/")
	return slices.ContainsFunc(slices.Concat(rights, everybodys), func(r doctor.Right) bool {
		return r.Group == what.Group && r.Resource == resource && (r.Name == "" || r.Name == what.Name) &&
			(!r.Own || what.Namespace == cluster.Namespace) && slices.Contains(strings.Fields(r.Verbs), what.Verb)
	})
}

// questions are of every resource that the cluster or the table knows, in
// Snapback's namespace and in another, of all objects and of one.
func questions(t *testing.T, otherNamespace string, rights []doctor.Right) []authorizationv1.ResourceAttributes {
	t.Helper()
	clientset, err := kubernetes.NewForConfig(shared.Get(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	_, lists, err := clientset.Discovery().ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	resources := map[[2]string]bool{}
	for _, list := range lists {
		group, _, found := strings.Cut(list.GroupVersion, "/")
		if !found {
			group = ""
		}
		for _, r := range list.APIResources {
			resources[[2]string{group, r.Name}] = true
		}
	}
	names := map[string]bool{"": true, "other": true}
	for _, r := range rights {
		resources[[2]string{r.Group, r.Resource}] = true
		names[r.Name] = true
	}
	var all []authorizationv1.ResourceAttributes
	verbs := []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "impersonate", "escalate", "bind", "use"}
	for r := range resources {
		resource, subresource, _ := strings.Cut(r[1], "/")
		for _, verb := range verbs {
			for name := range names {
				for _, ns := range []string{cluster.Namespace, otherNamespace} {
					all = append(all, authorizationv1.ResourceAttributes{Group: r[0], Resource: resource, Subresource: subresource, Verb: verb, Name: name, Namespace: ns})
				}
			}
		}
	}
	return all
}
