package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

const dnsName = "snapback-webhook.snapback-system.svc"

// authority is a CA that ends at a time.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, until time.Time) *authority {
	t.Helper()
	a := &authority{}
	a.pem = a.sign(t, &x509.Certificate{NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// leaf is a certificate of the CA in a Secret.
func (a *authority) leaf(t *testing.T, until time.Time, name string) *corev1.Secret {
	t.Helper()
	return secretOf(a.sign(t, &x509.Certificate{NotAfter: until, DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature}))
}

func secretOf(certificate []byte) *corev1.Secret {
	return &corev1.Secret{Data: map[string][]byte{corev1.TLSCertKey: certificate}}
}

func (a *authority) sign(t *testing.T, template *x509.Certificate) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore = big.NewInt(1), now.Add(-24*time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert == nil {
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		a.key = key
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func configurationOf(bundles ...[]byte) *admissionregistrationv1.MutatingWebhookConfiguration {
	c := &admissionregistrationv1.MutatingWebhookConfiguration{}
	for n, b := range bundles {
		c.Webhooks = append(c.Webhooks, admissionregistrationv1.MutatingWebhook{Name: string(rune('a' + n)), ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: b}})
	}
	return c
}

func TestCertificate(t *testing.T) {
	year := now.AddDate(1, 0, 0)
	ca, foreign, old := newAuthority(t, year), newAuthority(t, year), newAuthority(t, now.Add(-time.Hour))
	good := ca.leaf(t, now.AddDate(0, 2, 0), dnsName)
	resource := schema.GroupResource{Resource: "secrets"}
	forbidden := apierrors.NewForbidden(resource, v1alpha1.SecretName, errors.New("no"))
	for name, c := range map[string]struct {
		bundles [][]byte
		secret  *corev1.Secret
		unread  error
		state   State
		text    string
	}{
		"good":             {[][]byte{ca.pem, append(old.pem, ca.pem...)}, good, nil, OK, "valid for 59d more"},
		"no CA":            {[][]byte{ca.pem, []byte("\n")}, good, nil, Problem, "no CA is injected, so apiservers do not trust the webhook: b"},
		"garbage for a CA": {[][]byte{[]byte("garbage")}, good, nil, Problem, "the caBundle cannot be read: a"},
		"an expired CA":    {[][]byte{old.pem}, good, nil, Problem, "the CA has expired"},
		"another CA":       {[][]byte{foreign.pem, foreign.pem}, good, nil, Problem, "the CA is not that of the webhook's certificate: a, b"},
		"expired":          {[][]byte{ca.pem}, ca.leaf(t, now.Add(-3*time.Hour), dnsName), nil, Problem, "expired 3h ago"},
		"expires soon":     {[][]byte{ca.pem}, ca.leaf(t, now.Add(73*time.Hour), dnsName), nil, Warning, "expires in 3d1h"},
		"of another name":  {[][]byte{ca.pem}, ca.leaf(t, year, "other.svc"), nil, Problem, `is for ["other.svc"], but apiservers call ` + dnsName},
		"garbage":          {[][]byte{ca.pem}, secretOf([]byte("garbage")), nil, Problem, "tls.crt is no certificate"},
		"no Secret":        {[][]byte{ca.pem}, nil, apierrors.NewNotFound(resource, v1alpha1.SecretName), Warning, "it does not exist"},
		"not to be read":   {[][]byte{ca.pem}, nil, forbidden, Skipped, "forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serving{secret: c.secret, unread: c.unread, subject: "Secret x", dnsNames: []string{dnsName}}
			want(t, judgeCertificate(configurationOf(c.bundles...), s, now), c.state, c.text)
		})
	}
	both := judgeCertificate(configurationOf(nil), serving{unread: forbidden}, now)
	if len(both) != 2 || both[1].State != Problem {
		t.Errorf("a Secret that may not be read hides that no CA is injected: %v", both)
	}
}

func TestCertManager(t *testing.T) {
	certificate := func(change func(*cmapi.Certificate)) *cmapi.Certificate {
		c := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "s", Name: "w"}, Spec: cmapi.CertificateSpec{SecretName: v1alpha1.SecretName}}
		c.Status.Conditions = []cmapi.CertificateCondition{{Type: cmapi.CertificateConditionReady, Status: cmmeta.ConditionTrue}}
		c.Status.NotAfter, c.Status.RenewalTime = ptr.To(metav1.NewTime(now.AddDate(0, 2, 0))), ptr.To(metav1.NewTime(now.AddDate(0, 1, 0)))
		change(c)
		return c
	}
	for name, c := range map[string]struct {
		change func(*cmapi.Certificate)
		state  State
		text   string
	}{
		"good":           {func(*cmapi.Certificate) {}, OK, "renewed in 28d"},
		"another Secret": {func(c *cmapi.Certificate) { c.Spec.SecretName = "other" }, Problem, "its Secret is other"},
		"not ready": {func(c *cmapi.Certificate) {
			c.Status.Conditions[0].Status, c.Status.Conditions[0].Message = cmmeta.ConditionFalse, "the issuer is not there"
		}, Problem, "not ready: the issuer is not there"},
		"not looked at": {func(c *cmapi.Certificate) { c.Status = cmapi.CertificateStatus{} }, Problem, "cert-manager has not looked at it"},
		"expired":       {func(c *cmapi.Certificate) { c.Status.NotAfter = ptr.To(metav1.NewTime(now.Add(-3 * time.Hour))) }, Problem, "expired 3h ago"},
		"not renewed":   {func(c *cmapi.Certificate) { c.Status.RenewalTime = ptr.To(metav1.NewTime(now.Add(-3 * time.Hour))) }, Warning, "should have been renewed 3h ago"},
	} {
		t.Run(name, func(t *testing.T) { want(t, []Finding{judgeCertManager(certificate(c.change), now)}, c.state, c.text) })
	}
}
