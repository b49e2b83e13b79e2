package main_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/ports"
)

var secretKey = client.ObjectKey{Namespace: cluster.Namespace, Name: "snapback-webhook-tls"}

// issuer is who keeps the Secret in the place of Snapback.
type issuer struct {
	*testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{T: t}
	i.cert, i.key = i.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return i
}

func (i *issuer) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	i.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	parent, signer := i.cert, i.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		i.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		i.Fatal(err)
	}
	return cert, key
}

func (i *issuer) ca() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

// renew puts a new leaf into the Secret.
func (i *issuer) renew(c client.Client) *x509.Certificate {
	i.Helper()
	leaf, key := i.sign(&x509.Certificate{DNSNames: []string{"snapback-webhook." + cluster.Namespace + ".svc"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		i.Fatal(err)
	}
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secretKey.Namespace, Name: secretKey.Name}, Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}}
	err = c.Update(i.Context(), s)
	if apierrors.IsNotFound(err) {
		err = c.Create(i.Context(), s)
	}
	if err != nil {
		i.Fatal(err)
	}
	return leaf
}

// deleteSecret takes away what an earlier test has left, or a person by mistake.
func deleteSecret(t *testing.T, c client.Client) {
	t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secretKey.Namespace, Name: secretKey.Name}}
	if err := c.Delete(t.Context(), s); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
}

// awaitServed waits until the address serves the certificate that is wanted.
func awaitServed(t *testing.T, address string, want func(*x509.Certificate) bool) *x509.Certificate {
	t.Helper()
	var got *x509.Certificate
	eventually(t, func(ctx context.Context) (err error) {
		if got, err = served(ctx, address, &tls.Config{InsecureSkipVerify: true}); err == nil && !want(got) {
			err = fmt.Errorf("certificate %s is served", got.SerialNumber)
		}
		return err
	})
	return got
}

// A process without a certificate is alive, and ready when the Secret comes.
// Renewing it refuses no claim.
func TestRenewedSecret(t *testing.T) {
	k := shared.Get(t)
	c := apiClient(t, k)
	deleteSecret(t, c)
	host, port := serviceAddress(t, k)
	address := net.JoinHostPort(host, port)
	w := run(t, "webhook", "--kubeconfig="+kubeconfig(t, account(t, k)), "--host="+host, "--port="+port, "--namespace="+cluster.Namespace)
	w.await("/healthz", true)
	w.await("/readyz", false)
	i := newIssuer(t)
	setCA(t, c, i.ca())
	i.renew(c)
	w.awaitReady()
	awaitAnswers(t, c)
	l := newLoad(t, c, address)
	const renewals = 10
	for range renewals {
		leaf := i.renew(c)
		awaitServed(t, address, leaf.Equal)
		l.await(200)
	}
	l.end()
}

// Two replicas make one certificate, have it trusted, and replace it when it is
// lost, without refusing a claim.
func TestSelfManaged(t *testing.T) {
	k := shared.Get(t)
	c := apiClient(t, k)
	deleteSecret(t, c)
	setCA(t, c, nil)
	grantSelfSigned(t, c)
	host, port := serviceAddress(t, k)
	address, second := net.JoinHostPort(host, port), ports.Address(t)
	file := kubeconfig(t, account(t, k))
	a := run(t, "webhook", "--certs=self", "--kubeconfig="+file, "--host="+host, "--port="+port, "--namespace="+cluster.Namespace)
	otherHost, otherPort, _ := net.SplitHostPort(second)
	b := run(t, "webhook", "--certs=self", "--kubeconfig="+file, "--host="+otherHost, "--port="+otherPort, "--namespace="+cluster.Namespace)
	a.awaitReady()
	b.awaitReady()
	awaitAnswers(t, c)
	first := awaitServed(t, address, func(*x509.Certificate) bool { return true })
	awaitServed(t, second, first.Equal)
	l := newLoad(t, c, address)
	for range 3 {
		l.await(100)
		deleteSecret(t, c)
		next := awaitServed(t, address, func(c *x509.Certificate) bool { return !c.Equal(first) })
		awaitServed(t, second, next.Equal)
		first = next
	}
	l.await(200)
	l.end()
}

// grantSelfSigned gives the ServiceAccount what the component does.
func grantSelfSigned(t *testing.T, c client.Client) {
	t.Helper()
	objects, err := cluster.Render("self-signed")
	if err != nil {
		t.Fatal(err)
	}
	for i := range objects {
		if o := &objects[i]; o.GetName() == "snapback-certificate" {
			if err := c.Create(t.Context(), o); err != nil && !apierrors.IsAlreadyExists(err) {
				t.Fatal(err)
			}
		}
	}
}

// No apiserver speaks what the webhook does not.
func TestOldTLS(t *testing.T) {
	k := shared.Get(t)
	host, port := serviceAddress(t, k)
	w := run(t, "webhook", "--kubeconfig="+kubeconfig(t, account(t, k)), "--host="+host, "--port="+port, "--cert-dir="+k.Dir+"/webhook")
	w.awaitReady()
	address := net.JoinHostPort(host, port)
	for name, config := range map[string]*tls.Config{
		"TLS 1.1":        {MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10},
		"a suite of CBC": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
	} {
		config.InsecureSkipVerify = true
		_, err := served(t.Context(), address, config)
		var alert *net.OpError
		if !errors.As(err, &alert) {
			t.Errorf("%s is taken: %v", name, err)
		}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if _, err := served(t.Context(), address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}); err != nil {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}
