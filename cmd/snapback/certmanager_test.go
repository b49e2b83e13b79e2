package main_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"testing"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
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
		for _, list := range []client.ObjectList{
			&certmanagerv1.IssuerList{}, &certmanagerv1.ClusterIssuerList{},
			&certmanagerv1.CertificateList{}, &certmanagerv1.CertificateRequestList{},
		} {
			if err := c.List(ctx, list); err != nil {
				return err
			}
		}
		return nil
	})
	launch(t, path, "--kubeconfig="+k.Kubeconfig())
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
		if o.GroupVersionKind().Group == certmanagerv1.SchemeGroupVersion.Group {
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
func injectFromCertificate(t *testing.T, c client.Client) *certmanagerv1.Certificate {
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
	return &certmanagerv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: "snapback-webhook"}}
}

// awaitIssued waits until the Certificate is ready and its CA is injected.
func awaitIssued(t *testing.T, c client.Client, certificate *certmanagerv1.Certificate) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(certificate), certificate); err != nil {
			return err
		}
		for _, condition := range certificate.Status.Conditions {
			if condition.Type == certmanagerv1.CertificateConditionReady && condition.Status == cmmeta.ConditionTrue {
				return injected(ctx, c)
			}
		}
		return fmt.Errorf("the Certificate is not ready: %v", certificate.Status.Conditions)
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
