package main_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// The shipped objects make cert-manager issue the certificate and inject the
// CA. It is renewed, because it is lost or its spec changes, without a claim
// being refused.
func TestCertManager(t *testing.T) {
	k := shared.Get(t)
	c := apiClient(t, k)
	deleteSecret(t, c)
	setCA(t, c, nil)
	startCertManager(t, k, c)
	host, port := serviceAddress(t, k)
	address := net.JoinHostPort(host, port)
	w := run(t, "webhook", "--kubeconfig="+kubeconfig(t, account(t, k)), "--host="+host, "--port="+port, "--namespace="+cluster.Namespace)
	for _, o := range issued(t) {
		create(t, client.WithFieldValidation(c, metav1.FieldValidationStrict), &o)
	}
	certificate := injectFromCertificate(t, c)
	awaitIssued(t, c, certificate)
	w.awaitReady()
	awaitAnswers(t, c)
	first := awaitServed(t, address, func(*x509.Certificate) bool { return true })
	if first.Issuer.CommonName != "snapback-ca" {
		t.Errorf("the certificate is %s's", first.Issuer)
	}
	l := newLoad(t, c, address)
	for _, renew := range []func(){
		func() { deleteSecret(t, c) },
		func() { deleteSecret(t, c) },
		func() {
			patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"subject":{"organizations":["another"]}}}`))
			if err := c.Patch(t.Context(), certificate, patch); err != nil {
				t.Fatal(err)
			}
		},
	} {
		l.await(100)
		renew()
		first = awaitServed(t, address, func(c *x509.Certificate) bool { return !c.Equal(first) })
	}
	l.await(200)
	l.end()
}

// startCertManager runs it until the test ends.
func startCertManager(t *testing.T, k *cluster.Cluster, c client.Client) {
	t.Helper()
	path, err := cluster.BuildCertManager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	crds, err := cluster.CertManagerCRDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range crds {
		create(t, c, &crds[i])
	}
	eventually(t, func(ctx context.Context) error {
		for _, kind := range []string{"IssuerList", "ClusterIssuerList", "CertificateList", "CertificateRequestList"} {
			list := &unstructured.UnstructuredList{}
			list.SetAPIVersion("cert-manager.io/v1")
			list.SetKind(kind)
			if err := c.List(ctx, list); err != nil {
				return err
			}
		}
		return nil
	})
	launch(t, path, k.Kubeconfig())
}

// issued are the shipped objects of cert-manager's kinds.
func issued(t *testing.T) []unstructured.Unstructured {
	t.Helper()
	objects, err := cluster.Render("default")
	if err != nil {
		t.Fatal(err)
	}
	var all []unstructured.Unstructured
	for _, o := range objects {
		if o.GroupVersionKind().Group == "cert-manager.io" {
			all = append(all, o)
		}
	}
	if len(all) != 4 {
		t.Fatalf("%d objects of cert-manager are shipped", len(all))
	}
	return all
}

// injectFromCertificate annotates the webhook configuration as the shipped one
// is until the test ends, and returns the Certificate that it names.
func injectFromCertificate(t *testing.T, c client.Client) *unstructured.Unstructured {
	t.Helper()
	objects, err := cluster.Render("default")
	if err != nil {
		t.Fatal(err)
	}
	set := func(ctx context.Context, annotations map[string]string) error {
		var configuration admissionregistrationv1.MutatingWebhookConfiguration
		if err := c.Get(ctx, client.ObjectKey{Name: "snapback"}, &configuration); err != nil {
			return err
		}
		configuration.Annotations = annotations
		return c.Update(ctx, &configuration)
	}
	for _, o := range objects {
		if o.GetKind() == "MutatingWebhookConfiguration" {
			eventually(t, func(ctx context.Context) error { return set(ctx, o.GetAnnotations()) })
		}
	}
	t.Cleanup(func() {
		err := set(context.Background(), nil)
		for apierrors.IsConflict(err) {
			err = set(context.Background(), nil)
		}
		if err != nil {
			t.Error(err)
		}
	})
	certificate := &unstructured.Unstructured{}
	certificate.SetAPIVersion("cert-manager.io/v1")
	certificate.SetKind("Certificate")
	certificate.SetNamespace(cluster.Namespace)
	certificate.SetName("snapback-webhook")
	return certificate
}

// awaitIssued waits until the Certificate is ready and its CA is injected.
func awaitIssued(t *testing.T, c client.Client, certificate *unstructured.Unstructured) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(certificate), certificate); err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(certificate.Object, "status", "conditions")
		for _, condition := range conditions {
			if of := condition.(map[string]any); of["type"] == "Ready" && of["status"] == "True" {
				return injected(ctx, c)
			}
		}
		return fmt.Errorf("the Certificate is not ready: %v", conditions)
	})
}

func injected(ctx context.Context, c client.Client) error {
	var configuration admissionregistrationv1.MutatingWebhookConfiguration
	if err := c.Get(ctx, client.ObjectKey{Name: "snapback"}, &configuration); err != nil {
		return err
	}
	for _, w := range configuration.Webhooks {
		if len(w.ClientConfig.CABundle) < 100 {
			return fmt.Errorf("entry %s has no CA", w.Name)
		}
	}
	return nil
}
