package e2e

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/doctor"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// render returns the objects of a kustomization, by kind and name.
func render(t *testing.T, dir string) map[string]unstructured.Unstructured {
	t.Helper()
	rendered, err := cluster.Render(dir)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]unstructured.Unstructured{}
	for _, o := range rendered {
		objects[o.GetKind()+"/"+o.GetName()] = o
	}
	return objects
}

// TestDeployment asks the apiserver what it thinks of the Deployment, and of
// its pods under the namespace's restricted Pod Security, as nothing else here
// runs them.
func TestDeployment(t *testing.T) {
	t.Parallel()
	for name, shipped := range map[string]unstructured.Unstructured{
		cluster.Account:       render(t, "default")["Deployment/snapback"],
		cluster.DrillsAccount: render(t, "components/drills")["Deployment/snapback-drills"],
	} {
		t.Run(name, func(t *testing.T) { checkDeployment(t, shipped) })
	}
}

func checkDeployment(t *testing.T, shipped unstructured.Unstructured) {
	t.Helper()
	c := apiClient(t)
	var deployment appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(shipped.Object, &deployment, true); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), deployment.DeepCopy(), client.DryRunAll); err != nil {
		t.Error(err)
	}
	template := deployment.Spec.Template
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: shipped.GetName() + "-0", Labels: template.Labels}, Spec: template.Spec}
	if err := c.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Errorf("a pod of the Deployment: %v", err)
	}
}

// TestCertificates compares what the parts of a certificate call each other.
func TestCertificates(t *testing.T) {
	objects := render(t, "default")
	certificate := objects["Certificate/snapback-webhook"]
	configuration := objects["MutatingWebhookConfiguration/snapback"]
	if got := configuration.GetAnnotations()["cert-manager.io/inject-ca-from"]; got != cluster.Namespace+"/"+certificate.GetName() {
		t.Errorf("the CA is injected from %q", got)
	}
	var webhooks struct {
		Webhooks []struct {
			ClientConfig struct {
				Service struct{ Name, Namespace string }
			}
		}
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(configuration.Object, &webhooks); err != nil {
		t.Fatal(err)
	}
	names, _, _ := unstructured.NestedStringSlice(certificate.Object, "spec", "dnsNames")
	for _, w := range webhooks.Webhooks {
		if s := w.ClientConfig.Service; !slices.Contains(names, s.Name+"."+s.Namespace+".svc") {
			t.Errorf("service %s/%s is called, the certificate is for %q", s.Namespace, s.Name, names)
		}
	}
	secret, _, _ := unstructured.NestedString(certificate.Object, "spec", "secretName")
	watched := func(r doctor.Right) bool { return r.Resource == "secrets" && r.Name == secret }
	if !slices.ContainsFunc(granted(t, "default"), watched) {
		t.Errorf("the certificate is in Secret %q, which the webhook may not watch", secret)
	}
}
