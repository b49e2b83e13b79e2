package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// shared is a cluster with the base installed and Snapback running.
var shared = &cluster.Shared{Options: cluster.Options{Snapback: true}}

func TestMain(m *testing.M) { os.Exit(shared.Stop(m.Run())) }

func apiClient(t *testing.T) client.Client {
	t.Helper()
	c, err := cluster.NewClient(shared.Get(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The apiserver takes all objects of all ways, unknown fields being errors.
func TestTheApiserverTakesTheChart(t *testing.T) {
	c := apiClient(t)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			objects, tests := manifests(t, way.values, releaseutil.InstallOrder)
			for _, o := range append(objects, tests...) {
				u := &unstructured.Unstructured{Object: o}
				if group := u.GroupVersionKind().Group; group == "cert-manager.io" || group == "monitoring.coreos.com" {
					continue // not on this cluster
				}
				ofHelm(o)
				apply(t, c, u)
			}
		})
	}
}

func apply(t *testing.T, c client.Client, u *unstructured.Unstructured) {
	t.Helper()
	err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("helm"), client.ForceOwnership, client.DryRunAll)
	if err != nil {
		t.Errorf("%s: %v", object(u.Object).key(), err)
	}
}

// The namespace enforces the restricted Pod Security, and OpenShift's
// restricted-v2 chooses the user itself.
func TestPodsAreRestricted(t *testing.T) {
	c := apiClient(t)
	restricted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "restricted-",
		Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	if err := c.Create(t.Context(), restricted); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{cluster.Account, cluster.DrillsAccount} {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: restricted.Name, Name: name}}
		if err := c.Create(t.Context(), account); err != nil {
			t.Fatal(err)
		}
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			objects, tests := manifests(t, way.values, releaseutil.InstallOrder)
			tested, _, _ := unstructured.NestedMap(find(t, tests, "Pod", "snapback-test-status"), "spec")
			specs := []map[string]any{tested}
			for _, o := range slices.DeleteFunc(objects, func(o object) bool { return !isKind("Deployment")(o) }) {
				deployed, _, _ := unstructured.NestedMap(o, "spec", "template", "spec")
				specs = append(specs, deployed)
			}
			for _, spec := range specs {
				pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: restricted.Name, Name: "snapback"}}
				if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(spec, &pod.Spec, true); err != nil {
					t.Fatal(err)
				}
				if err := c.Create(t.Context(), pod.DeepCopy(), client.DryRunAll); err != nil {
					t.Error(err)
				}
				checkUser(t, pod.Spec)
			}
		})
	}
	privileged := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: restricted.Name, Name: "snapback"},
		Spec: corev1.PodSpec{ServiceAccountName: "snapback", Containers: []corev1.Container{{Name: "a", Image: "a"}}}}
	if err := c.Create(t.Context(), privileged, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		t.Errorf("nothing is enforced here: %v", err)
	}
}

func checkUser(t *testing.T, spec corev1.PodSpec) {
	t.Helper()
	if s := spec.SecurityContext; s.RunAsUser != nil || s.RunAsGroup != nil || s.FSGroup != nil || s.SupplementalGroups != nil {
		t.Errorf("the pod wants to be of one user or group: %+v", s)
	}
	for _, c := range spec.Containers {
		if s := c.SecurityContext; s.RunAsUser != nil || s.RunAsGroup != nil || !ptr.Deref(s.ReadOnlyRootFilesystem, false) {
			t.Errorf("%s: %+v", c.Name, s)
		}
	}
}

// The chart's test claim is let through by a webhook that answers, and refused
// when nothing does.
func TestTheTestClaimNeedsTheWebhook(t *testing.T) {
	c := apiClient(t)
	_, tests := manifests(t, "", releaseutil.InstallOrder)
	claim := &unstructured.Unstructured{Object: find(t, tests, "PersistentVolumeClaim", "snapback-test-claim")}
	claim.SetNamespace(namespace)
	if err := c.Create(t.Context(), claim.DeepCopy(), client.DryRunAll); err != nil {
		t.Errorf("with a webhook that answers: %v", err)
	}
	port := servicePort(t, c, 9)
	err := cluster.Eventually(t.Context(), 30*time.Second, func(ctx context.Context) error {
		if err := c.Create(ctx, claim.DeepCopy(), client.DryRunAll); err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
			return fmt.Errorf("the claim is not refused, or not for that: %w", err)
		}
		return nil
	})
	if err != nil {
		t.Errorf("with a port where nothing answers: %v", err)
	}
	servicePort(t, c, port)
}

// servicePort has the entry of claims that say themselves what they are call
// another port, and returns the former one.
func servicePort(t *testing.T, c client.Client, port int32) int32 {
	t.Helper()
	var configuration admissionregistrationv1.MutatingWebhookConfiguration
	if err := c.Get(t.Context(), types.NamespacedName{Name: "snapback"}, &configuration); err != nil {
		t.Fatal(err)
	}
	var former int32
	for i, w := range configuration.Webhooks {
		if w.Name == "explicit.snapback.dev" {
			former = *w.ClientConfig.Service.Port
			configuration.Webhooks[i].ClientConfig.Service.Port = &port
		}
	}
	if err := c.Update(t.Context(), &configuration); err != nil {
		t.Fatal(err)
	}
	return former
}

// What the chart's status test runs may be run by the ServiceAccount.
func TestTheTestPodMayReadTheStatus(t *testing.T) {
	_, tests := manifests(t, "", releaseutil.InstallOrder)
	containers, _, _ := unstructured.NestedSlice(find(t, tests, "Pod", "snapback-test-status"), "spec", "containers")
	args, _, _ := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
	command, _, _ := unstructured.NestedStringSlice(containers[0].(map[string]any), "command")
	if len(command) != 1 || command[0] != "/kubectl-snapback" {
		t.Fatalf("the pod runs %q", command)
	}
	out, err := plugin(t, args)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// plugin runs kubectl-snapback with the rights of the ServiceAccount.
func plugin(t *testing.T, args []string) ([]byte, error) {
	t.Helper()
	binary, err := cluster.Build(t.Context(), ".", "./cmd/kubectl-snapback", "kubectl-snapback")
	if err != nil {
		t.Fatal(err)
	}
	config, err := shared.Get(t).SnapbackConfig()
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, config.CAData, 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(args, "--kubeconfig=/dev/null", "--namespace="+namespace, "--server="+config.Host, "--token="+config.BearerToken, "--certificate-authority="+ca)
	return exec.CommandContext(t.Context(), binary, args...).CombinedOutput()
}
