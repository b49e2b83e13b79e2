package certs

import (
	"bytes"
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
	"maps"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Keys of the Secret's data, in addition to those of its type.
const (
	caCert = "ca.crt"
	caKey  = "ca.key"
)

// The CA stays the same for years. The leaf changes so often that people notice if
// a renewal fails.
const (
	caLife, caRenewal     = 10 * 365 * 24 * time.Hour, 365 * 24 * time.Hour
	leafLife, leafRenewal = 90 * 24 * time.Hour, 30 * 24 * time.Hour // renewal: this long before the end
	lookAgain             = time.Hour
	backdated             = time.Hour // because clocks differ
)

// ensure returns the Secret with certificates that are valid for some time. It
// writes the Secret if they had to be renewed. If two replicas write it, one gets
// a conflict.
func (k *Keeper) ensure(ctx context.Context, secret *corev1.Secret, there bool) (*corev1.Secret, error) {
	data, err := k.renewed(secret.Data)
	if err != nil || data == nil {
		return secret, err
	}
	newCA := !bytes.Equal(data[caCert], secret.Data[caCert])
	secret = secret.DeepCopy()
	secret.Data = data
	if there {
		err = k.Client.Update(ctx, secret)
	} else {
		secret.Namespace, secret.Name, secret.Type = k.Secret.Namespace, k.Secret.Name, corev1.SecretTypeTLS
		secret.Labels = map[string]string{"app.kubernetes.io/name": "snapback"}
		err = k.Client.Create(ctx, secret)
	}
	if err != nil {
		return nil, fmt.Errorf("write secret %s: %w", k.Secret, err)
	}
	log.FromContext(ctx).Info("made a serving certificate", "secret", k.Secret, "newCA", newCA)
	return secret, nil
}

// renewed returns the data that must replace the given one; nil: that is good.
func (k *Keeper) renewed(data map[string][]byte) (map[string][]byte, error) {
	now := k.now()
	out := maps.Clone(data)
	if out == nil {
		out = map[string][]byte{}
	}
	ca, err := tls.X509KeyPair(out[caCert], out[caKey])
	if err != nil || !ca.Leaf.IsCA || ca.Leaf.NotAfter.Sub(now) < caRenewal {
		template := &x509.Certificate{Subject: pkix.Name{CommonName: "snapback-ca"}, NotAfter: now.Add(caLife),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
		if out[caCert], out[caKey], err = sign(template, nil, now); err != nil {
			return nil, err
		}
		if ca, err = tls.X509KeyPair(out[caCert], out[caKey]); err != nil {
			return nil, fmt.Errorf("read the new CA back: %w", err)
		}
	} else if k.good(out, ca.Leaf, now) {
		return nil, nil
	}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: k.DNSName}, DNSNames: []string{k.DNSName}, NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	out[corev1.TLSCertKey], out[corev1.TLSPrivateKeyKey], err = sign(template, &ca, now)
	return out, err
}

// good reports whether the leaf is valid and need not be renewed yet.
func (k *Keeper) good(data map[string][]byte, ca *x509.Certificate, now time.Time) bool {
	leaf, err := tls.X509KeyPair(data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey])
	if err != nil || leaf.Leaf.NotAfter.Sub(now) < leafRenewal {
		return false
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	_, err = leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: k.DNSName, CurrentTime: now})
	return err == nil
}

// sign returns a new key and its certificate, in PEM. The certificate is signed by
// the CA, or by the key itself if ca is nil.
func sign(template *x509.Certificate, ca *tls.Certificate, now time.Time) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	template.NotBefore = now.Add(-backdated)
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, nil, fmt.Errorf("make a serial number: %w", err)
	}
	parent, signer := template, any(private)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), signer)
	pkcs8, keyErr := x509.MarshalPKCS8PrivateKey(private)
	if err := errors.Join(err, keyErr); err != nil {
		return nil, nil, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
