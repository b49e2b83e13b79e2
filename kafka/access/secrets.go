package access

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
)

// Keys of the Secrets. A Strimzi KafkaUser has its certificate under other ones.
const (
	keyCA             = "ca.crt"
	keyUser           = "username"
	keyPassword       = "password"
	keyStrimziCert    = "user.crt"
	keyStrimziCertKey = "user.key"
)

// The fields of a KafkaBackup that name a Secret.
const (
	fieldCA   = "spec.kafka.tls.caSecret"
	fieldCert = "spec.kafka.tls.certSecret"
	fieldSASL = "spec.kafka.sasl.secret"
)

// secrets reads the Secrets of a namespace.
type secrets struct {
	reader    client.Reader
	namespace string
}

// get returns the data of a Secret. field is the one that names it.
func (s secrets) get(ctx context.Context, name, field string) (map[string][]byte, error) {
	secret := &corev1.Secret{}
	err := s.reader.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, secret)
	switch {
	case err == nil:
		return secret.Data, nil
	case apierrors.IsNotFound(err):
		return nil, s.unreadable(name, err, "does not exist: create it, or correct %s", field)
	case apierrors.IsForbidden(err):
		return nil, s.unreadable(name, err, "may not be read (%s): allow it by a Role, \"kubectl snapback doctor -n %s\" says how", oneLine(err), s.namespace)
	}
	return nil, s.unreadable(name, err, "could not be read: %s", oneLine(err))
}

func (s secrets) unreadable(name string, err error, format string, args ...any) Problem {
	return Problem{v1alpha1.ReasonSecretUnreadable, "Secret " + s.namespace + "/" + name + " " + fmt.Sprintf(format, args...), err}
}

// tls returns a configuration with the certificates of the Secrets. Without a
// caSecret the brokers' certificates are checked with those of the operator, else
// with the system's.
func (s secrets) tls(ctx context.Context, spec *v1alpha1.KafkaTLS, operatorCA []byte, now time.Time) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	switch {
	case spec.CASecret != "":
		config.RootCAs, err = s.authorities(ctx, spec.CASecret, now)
	case len(operatorCA) > 0:
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(operatorCA)
	}
	if err == nil && spec.CertSecret != "" {
		config.Certificates, err = s.certificate(ctx, spec.CertSecret, now)
	}
	if err != nil {
		return nil, err
	}
	return config, nil
}

// authorities returns the certificates in a Secret that brokers' certificates are
// checked with. While a CA is renewed there are an old and a new one.
func (s secrets) authorities(ctx context.Context, name string, now time.Time) (*x509.CertPool, error) {
	data, err := s.get(ctx, name, fieldCA)
	if err != nil {
		return nil, err
	}
	all, err := cert.ParseCertsPEM(data[keyCA])
	if err != nil {
		return nil, s.unreadable(name, err, "has no certificates under the key %s: %s", keyCA, cmp.Or(missing(data, keyCA), oneLine(err)))
	}
	pool := x509.NewCertPool()
	var wrong string
	valid := false
	for _, c := range all {
		pool.AddCert(c)
		why := invalid(c, now)
		valid, wrong = valid || why == "", cmp.Or(wrong, why)
	}
	if !valid {
		return nil, s.expired(name, keyCA, wrong)
	}
	return pool, nil
}

// certificate returns the client's certificate and key in a Secret.
func (s secrets) certificate(ctx context.Context, name string, now time.Time) ([]tls.Certificate, error) {
	data, err := s.get(ctx, name, fieldCert)
	if err != nil {
		return nil, err
	}
	of, ofKey := corev1.TLSCertKey, corev1.TLSPrivateKeyKey
	if _, strimzi := data[keyStrimziCert]; strimzi {
		of, ofKey = keyStrimziCert, keyStrimziCertKey
	}
	for _, key := range []string{of, ofKey} {
		if why := missing(data, key); why != "" {
			return nil, s.unreadable(name, nil, "has no client certificate: %s", why)
		}
	}
	pair, err := tls.X509KeyPair(data[of], data[ofKey])
	if err != nil {
		return nil, s.unreadable(name, err, "has no client certificate under the keys %s and %s: %s", of, ofKey, oneLine(err))
	}
	if why := invalid(pair.Leaf, now); why != "" {
		return nil, s.expired(name, of, why)
	}
	return []tls.Certificate{pair}, nil
}

func (s secrets) expired(name, key, why string) Problem {
	return Problem{Reason: v1alpha1.ReasonCertificateExpired,
		Message: fmt.Sprintf("the certificate in Secret %s/%s under the key %s %s: renew it", s.namespace, name, key, why)}
}

// sasl returns the mechanism with the user and the password in the Secret.
func (s secrets) sasl(ctx context.Context, spec *v1alpha1.KafkaSASL) (sasl.Mechanism, error) {
	data, err := s.get(ctx, spec.Secret, fieldSASL)
	if err != nil {
		return nil, err
	}
	if why := missing(data, keyPassword); why != "" {
		return nil, s.unreadable(spec.Secret, nil, "has no password: %s", why)
	}
	mechanism, err := kafka.Mechanism(spec.Mechanism, cmp.Or(string(data[keyUser]), spec.Secret), string(data[keyPassword]))
	if err != nil { // the CRD's schema lets no other through
		return nil, Problem{v1alpha1.ReasonAuthenticationFailed, "spec.kafka." + err.Error(), err}
	}
	return mechanism, nil
}

// missing returns that a key is missing or empty; empty if it is there.
func missing(data map[string][]byte, key string) string {
	if len(data[key]) > 0 {
		return ""
	}
	return "the key " + key + " is missing or empty"
}

// invalid returns why a certificate is not valid; empty if it is. It names a time,
// not an age, so that the text stays the same.
func invalid(c *x509.Certificate, now time.Time) string {
	switch {
	case now.After(c.NotAfter):
		return "is valid only until " + at(c.NotAfter)
	case now.Before(c.NotBefore):
		return "is valid only from " + at(c.NotBefore) + " on"
	}
	return ""
}

func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }
