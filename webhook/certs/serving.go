// Package certs keeps the serving certificate of the webhook. It watches one
// Secret, and creates and renews its certificates if no other tool does.
//
// It does not use github.com/open-policy-agent/cert-controller. That library waits
// until the Secret is mounted, and ends the process if this takes too long or
// fails. It needs the Secret to exist, and watches all Secrets of the namespace. It
// replaces the old CA with a new one while the old one is still in use.
package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Serving holds the certificate in use. It can be replaced while connections are
// open. A certificate that cannot be used never replaces it.
type Serving struct {
	Observe func(notAfter time.Time) // called for each new certificate; may be nil

	current atomic.Pointer[tls.Certificate]
	now     func() time.Time
}

// GetCertificate returns the certificate in use, as [tls.Config] asks for it.
func (s *Serving) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := s.current.Load(); c != nil {
		return c, nil
	}
	return nil, errNone
}

var errNone = errors.New("there is no serving certificate yet")

// Check is a readiness check: it fails without a valid certificate.
func (s *Serving) Check(*http.Request) error {
	c := s.current.Load()
	if c == nil {
		return errNone
	}
	return valid(c, s.now())
}

// take starts to serve with the certificate.
func (s *Serving) take(c *tls.Certificate) {
	s.current.Store(c)
	if s.Observe != nil {
		s.Observe(c.Leaf.NotAfter)
	}
}

// pair returns the certificate of a Secret. It is an error if the certificate is
// not valid for a server of that name.
func pair(secret *corev1.Secret, dnsName string, now time.Time) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("read %s and %s: %w", corev1.TLSCertKey, corev1.TLSPrivateKeyKey, err)
	}
	if err := c.Leaf.VerifyHostname(dnsName); err != nil {
		return nil, fmt.Errorf("the certificate is for another server: %w", err)
	}
	return &c, valid(&c, now)
}

func valid(c *tls.Certificate, now time.Time) error {
	if now.After(c.Leaf.NotAfter) {
		return fmt.Errorf("the certificate expired at %s", c.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}
