// Package certs keeps the certificate that the webhook serves with: it follows
// one Secret, and makes and renews what is in it where nobody else does.
//
// Not github.com/open-policy-agent/cert-controller: it waits for the Secret to
// be mounted and ends the process when that takes too long or fails, it needs
// the Secret to exist, it watches all Secrets of the namespace, and it puts a
// new CA in the place of the old one while the old one is still in use.
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

// Serving is the certificate in use. It is replaced under running connections;
// what cannot be used replaces nothing.
type Serving struct {
	Observe func(notAfter time.Time) // told of each; may be nil

	current atomic.Pointer[tls.Certificate]
	now     func() time.Time
}

// GetCertificate is for [tls.Config].
func (s *Serving) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := s.current.Load(); c != nil {
		return c, nil
	}
	return nil, errNone
}

var errNone = errors.New("there is no serving certificate yet")

// Check is a readiness check: it fails without a certificate that is valid.
func (s *Serving) Check(*http.Request) error {
	c := s.current.Load()
	if c == nil {
		return errNone
	}
	return valid(c, s.now())
}

// take puts the certificate of a Secret into use.
func (s *Serving) take(c *tls.Certificate) {
	s.current.Store(c)
	if s.Observe != nil {
		s.Observe(c.Leaf.NotAfter)
	}
}

// pair reads the certificate of a Secret for a server of that name.
func pair(secret *corev1.Secret, dnsName string, now time.Time) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("read %s and %s: %w", corev1.TLSCertKey, corev1.TLSPrivateKeyKey, err)
	}
	if err := c.Leaf.VerifyHostname(dnsName); err != nil {
		return nil, fmt.Errorf("the certificate is another server's: %w", err)
	}
	return &c, valid(&c, now)
}

func valid(c *tls.Certificate, now time.Time) error {
	if now.After(c.Leaf.NotAfter) {
		return fmt.Errorf("the certificate expired at %s", c.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}
