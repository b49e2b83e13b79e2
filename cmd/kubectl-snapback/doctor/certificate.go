package doctor

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// soon is how long before its expiry a certificate that was not renewed is
// reported.
const soon = 14 * 24 * time.Hour

const newCA = "put the CA of the certificate into each entry: by cert-manager's annotation, by --certs=self, or by hand"

// serving is what was read of the certificate that the webhook serves.
type serving struct {
	secret   *corev1.Secret // nil: it does not exist, or could not be read
	unread   error          // why it was not read
	subject  string
	dnsNames []string // names by which apiservers call the webhook
}

func checkCertificate(ctx context.Context, e *examination) ([]Finding, error) {
	if e.configuration == nil {
		return []Finding{skipped("", "the webhook configuration could not be read, or does not exist")}, nil
	}
	s := serving{subject: "Secret " + e.system + "/" + v1alpha1.SecretName, secret: &corev1.Secret{}}
	if err := e.Get(ctx, client.ObjectKey{Namespace: e.system, Name: v1alpha1.SecretName}, s.secret); err != nil {
		s.secret, s.unread = nil, err
	}
	for _, w := range e.configuration.Webhooks {
		if service := w.ClientConfig.Service; service != nil {
			s.dnsNames = append(s.dnsNames, service.Name+"."+service.Namespace+".svc")
		}
	}
	slices.Sort(s.dnsNames)
	s.dnsNames = slices.Compact(s.dnsNames)
	return judgeCertificate(e.configuration, s, e.now()), nil
}

// judgeCertificate checks the CAs that apiservers trust and the certificate that
// the webhook shows them.
func judgeCertificate(c *admissionregistrationv1.MutatingWebhookConfiguration, s serving, now time.Time) []Finding {
	leaf, findings := judgeServing(s, now)
	byCause := map[string][]string{}
	var causes []string
	for _, w := range c.Webhooks {
		cause := distrust(w.ClientConfig.CABundle, leaf, now)
		if cause == "" {
			continue
		}
		if byCause[cause] == nil {
			causes = append(causes, cause)
		}
		byCause[cause] = append(byCause[cause], w.Name)
	}
	for _, cause := range causes {
		findings = append(findings, problem(configurationSubject, cause+": "+several(byCause[cause]), newCA))
	}
	if len(findings) > 0 {
		return findings
	}
	return []Finding{ok(s.subject, "the apiserver trusts the certificate, which is valid for %s more", duration.HumanDuration(leaf.NotAfter.Sub(now)))}
}

// judgeServing checks the served certificate. It also returns the certificate,
// if there is one, to compare the CAs with.
func judgeServing(s serving, now time.Time) (*x509.Certificate, []Finding) {
	const ends = "so claims of brokers are refused"
	const renew = "see the check \"cert-manager\", or put a new certificate into this Secret"
	switch {
	case apierrors.IsNotFound(s.unread):
		return nil, []Finding{warning(s.subject, "it does not exist: the webhook has its certificate from elsewhere, or its next pod will have none", "see docs/install.md, Certificates")}
	case s.unread != nil:
		return nil, []Finding{skipped(s.subject, "the webhook's certificate was not looked at: %s", strings.Join(strings.Fields(s.unread.Error()), " "))}
	}
	all, err := cert.ParseCertsPEM(s.secret.Data[corev1.TLSCertKey])
	if err != nil {
		return nil, []Finding{problem(s.subject, fmt.Sprintf("its %s is no certificate: %v", corev1.TLSCertKey, err), renew)}
	}
	leaf := all[0]
	for _, name := range s.dnsNames {
		if leaf.VerifyHostname(name) != nil {
			return leaf, []Finding{problem(s.subject, fmt.Sprintf("the certificate is for %q, but apiservers call %s, %s", leaf.DNSNames, name, ends), renew)}
		}
	}
	switch left := leaf.NotAfter.Sub(now); {
	case left <= 0:
		return leaf, []Finding{problem(s.subject, "the certificate expired "+duration.HumanDuration(-left)+" ago, "+ends, renew)}
	case now.Before(leaf.NotBefore):
		return leaf, []Finding{problem(s.subject, "the certificate becomes valid only in "+duration.HumanDuration(leaf.NotBefore.Sub(now))+", "+ends, "set the clocks by NTP, or "+renew)}
	case left < soon:
		return leaf, []Finding{warning(s.subject, "the certificate expires in "+duration.HumanDuration(left)+" and has not been renewed", renew)}
	}
	return leaf, nil
}

// distrust returns why apiservers that trust the CAs of an entry would reject the
// certificate; empty if they would accept it. Without a certificate it checks the
// CAs alone. It ignores that a certificate has expired: [judgeServing] says so.
func distrust(bundle []byte, leaf *x509.Certificate, now time.Time) string {
	if len(strings.TrimSpace(string(bundle))) == 0 {
		return "no CA is injected, so apiservers do not trust the webhook"
	}
	all, err := cert.ParseCertsPEM(bundle)
	if err != nil {
		return "the caBundle cannot be read"
	}
	roots := x509.NewCertPool()
	valid := false
	for _, ca := range all {
		roots.AddCert(ca)
		valid = valid || now.Before(ca.NotAfter) && !now.Before(ca.NotBefore)
	}
	if !valid {
		return "the CA has expired, or is not valid yet"
	}
	if leaf == nil {
		return ""
	}
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		now = leaf.NotBefore
	}
	options := x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if _, err := leaf.Verify(options); err != nil {
		return "the CA is not that of the webhook's certificate"
	}
	return ""
}
