package e2e

import (
	"fmt"
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

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// right is what the ServiceAccount may do with a resource, and why.
type right struct {
	group, resource string
	name            string // of the only object; empty: all
	verbs           string
	own             bool // in Snapback's namespace only
	why             string
}

// rights are all of the base. What is not here is refused.
var rights = []right{
	{group: "snapback.dev", resource: "kafkabackups", verbs: "list watch", why: "both processes cache them"},
	{group: "snapback.dev", resource: "kafkabackups/status", verbs: "patch", why: "the scheduler's conditions and times"},
	{resource: "configmaps", verbs: "list watch patch", why: "backups that ConfigMaps hold, their status being an annotation"},
	{resource: "persistentvolumeclaims", verbs: "list watch", why: "which volumes a cluster has"},
	{resource: "namespaces", verbs: "get list watch", why: "annotations and labels that opt in; get is for one newer than the cache"},
	{resource: "persistentvolumes", verbs: "get list watch", why: "driver and handle of a volume; get is for a lost claim's"},
	{group: "storage.k8s.io", resource: "storageclasses", verbs: "list watch", why: "whether a claim's driver is the snapshot's"},
	{group: "snapshot.storage.k8s.io", resource: "volumesnapshotclasses", verbs: "list watch", why: "whether a backup's class fits its volumes"},
	{group: "snapshot.storage.k8s.io", resource: "volumesnapshots", verbs: "get list watch create patch delete", why: "the backups themselves; patch is for the marks, get for the live look"},
	{group: "snapshot.storage.k8s.io", resource: "volumesnapshotcontents", verbs: "get patch", why: "the data of a pruned snapshot goes where its class retains it"},
	{group: "admissionregistration.k8s.io", resource: "mutatingwebhookconfigurations", verbs: "list watch", why: "whether the webhook would be asked about a volume"},
	{group: "kafka.strimzi.io", resource: "kafkas", verbs: "get list watch", why: "Kafka's cluster id"},
	{group: "kafka.strimzi.io", resource: "kafkanodepools", verbs: "get list watch", why: "whether a node is a controller"},
	{group: "events.k8s.io", resource: "events", verbs: "list create patch", why: "what is told on objects; list is for the provisioner's own words"},
	{group: "coordination.k8s.io", resource: "leases", verbs: "create", own: true, why: "the leader's Lease; a name cannot be asked for in a create"},
	{group: "coordination.k8s.io", resource: "leases", name: "snapback-scheduler", verbs: "get update", own: true, why: "the leader's Lease"},
	{resource: "secrets", name: "snapback-webhook-tls", verbs: "list watch", own: true, why: "the webhook's certificate"},
}

// certificateRights are what the webhook needs to make its own certificate.
var certificateRights = []right{
	{resource: "secrets", verbs: "create", own: true, why: "the certificate; a name cannot be asked for in a create"},
	{resource: "secrets", name: "snapback-webhook-tls", verbs: "update", own: true, why: "renews the certificate"},
	{group: "admissionregistration.k8s.io", resource: "mutatingwebhookconfigurations", name: "snapback", verbs: "update", why: "puts the CA into it"},
}

// everybodys are what any authenticated client may do.
var everybodys = []right{
	{group: "authentication.k8s.io", resource: "selfsubjectreviews", verbs: "create"},
	{group: "authorization.k8s.io", resource: "selfsubjectaccessreviews", verbs: "create"},
	{group: "authorization.k8s.io", resource: "selfsubjectrulesreviews", verbs: "create"},
}

// permissions says each verb of the rights in a line of its own.
func permissions(all []right) []string {
	var lines []string
	for _, r := range all {
		for verb := range strings.FieldsSeq(r.verbs) {
			lines = append(lines, fmt.Sprintf("%s %s.%s %q, own namespace only: %t", verb, r.resource, r.group, r.name, r.own))
		}
	}
	slices.Sort(lines)
	return lines
}

// granted are the rights of the Roles and ClusterRoles of a kustomization.
func granted(t *testing.T, dir string) []right {
	t.Helper()
	var all []right
	for _, o := range render(t, dir) {
		if o.GetKind() != "Role" && o.GetKind() != "ClusterRole" {
			continue
		}
		all = append(all, ofRole(t, o)...)
	}
	return all
}

func ofRole(t *testing.T, o unstructured.Unstructured) []right {
	t.Helper()
	var role rbacv1.Role // a ClusterRole's rules are the same
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
		t.Fatal(err)
	}
	var all []right
	for _, rule := range role.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				names := rule.ResourceNames
				if len(names) == 0 {
					names = []string{""}
				}
				for _, name := range names {
					all = append(all, right{group: group, resource: resource, name: name, verbs: strings.Join(rule.Verbs, " "), own: o.GetKind() == "Role"})
				}
			}
		}
	}
	return all
}

// TestRightsAreNamed holds the roles against the table that says why.
func TestRightsAreNamed(t *testing.T) {
	for dir, want := range map[string][]right{"base": rights, "default": rights, "self-signed": slices.Concat(rights, certificateRights)} {
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
	for _, r := range slices.Concat(rights, certificateRights) {
		if r.why == "" {
			t.Errorf("why %s %s?", r.verbs, r.resource)
		}
	}
}

// TestNothingElseIsAllowed asks the apiserver, as the ServiceAccount, about
// every verb of every resource that it serves.
func TestNothingElseIsAllowed(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, apiClient(t), nil)
	config, err := shared.Get(t).SnapbackConfig()
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
	for _, what := range questions(t, ns) {
		asked++
		group.Go(func() error {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what}}
			answer, err := account.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			if want := expected(what); answer.Status.Allowed != want {
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
func expected(what authorizationv1.ResourceAttributes) bool {
	resource := strings.TrimSuffix(what.Resource+"/"+what.Subresource, "/")
	return slices.ContainsFunc(slices.Concat(rights, everybodys), func(r right) bool {
		return r.group == what.Group && r.resource == resource && (r.name == "" || r.name == what.Name) &&
			(!r.own || what.Namespace == cluster.Namespace) && slices.Contains(strings.Fields(r.verbs), what.Verb)
	})
}

// questions are of every resource that the cluster or the table knows, in
// Snapback's namespace and in another, of all objects and of one.
func questions(t *testing.T, otherNamespace string) []authorizationv1.ResourceAttributes {
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
		resources[[2]string{r.group, r.resource}] = true
		names[r.name] = true
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
