package kind

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// aSecond is how often claims are refused in about a second by an apiserver
// that does not trust the webhook.
const aSecond = 40

// checkCertificate switches to another way to get the webhook's certificate
// while claims are created.
func checkCertificate(to func(context.Context, *world) error) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		refusals, err := w.createDuring(ctx, func(ctx context.Context) error { return to(ctx, w) })
		if err == nil && len(refusals) > aSecond {
			err = fmt.Errorf("%d claims were refused, the first: %w", len(refusals), refusals[0])
		}
		return err
	}
}

// toSelfSigned has the webhook make its own certificate.
func toSelfSigned(ctx context.Context, w *world) error {
	return w.toGenerated(ctx, "self-signed", func(_ context.Context, secret *corev1.Secret) error {
		if len(secret.Data["ca.key"]) == 0 {
			return fmt.Errorf("secret %s is not Snapback's own", secret.Name)
		}
		return nil
	})
}

// toCertManager has cert-manager make it again.
func toCertManager(ctx context.Context, w *world) error {
	return w.toGenerated(ctx, "cert-manager", func(ctx context.Context, secret *corev1.Secret) error {
		var certificate certmanagerv1.Certificate
		if err := w.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: "snapback-webhook"}, &certificate); err != nil {
			return err
		}
		for _, c := range certificate.Status.Conditions {
			if c.Type == certmanagerv1.CertificateConditionReady && c.Status == cmmeta.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("the Certificate of secret %s is not ready: %v", secret.Name, certificate.Status.Conditions)
	})
}

// toGenerated switches to a mode that makes certificates, and waits until the
// Secret has one, and its CA is trusted.
func (w *world) toGenerated(ctx context.Context, mode string, made func(context.Context, *corev1.Secret) error) error {
	if err := w.upgradeSnapback(ctx, "--set=certs.mode="+mode); err != nil {
		return err
	}
	err := eventually(ctx, func(ctx context.Context) error {
		secret, err := w.certificateSecret(ctx)
		if err != nil {
			return err
		}
		return errors.Join(made(ctx, secret), w.trusted(ctx, secret.Data["ca.crt"]))
	})
	if err != nil {
		return err
	}
	return w.upgradeSnapback(ctx, "--set=certs.caBundle=")
}

// toSecret gives the webhook a certificate of a CA that nobody else knows, as
// docs/install.md says: both CAs are trusted before it is served.
func toSecret(ctx context.Context, w *world) error {
	secret, err := w.certificateSecret(ctx)
	if err != nil {
		return err
	}
	crt, key, err := cert.GenerateSelfSignedCertKey("snapback-webhook."+cluster.Namespace+".svc", nil, nil)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	both := base64.StdEncoding.EncodeToString(append(bytes.Clone(crt), secret.Data["ca.crt"]...))
	if err := w.upgradeSnapback(ctx, "--set=certs.mode=secret,certs.caBundle="+both, "--force-conflicts"); err != nil {
		return err
	}
	if secret, err = w.certificateSecret(ctx); err != nil {
		return err
	}
	secret.Data = map[string][]byte{corev1.TLSCertKey: crt, corev1.TLSPrivateKeyKey: key}
	if err := w.Update(ctx, secret); err != nil {
		return fmt.Errorf("write secret %s: %w", secret.Name, err)
	}
	return w.upgradeSnapback(ctx, "--set=certs.caBundle="+base64.StdEncoding.EncodeToString(crt))
}

// trusted is an error unless the webhook configuration has a CA.
func (w *world) trusted(ctx context.Context, ca []byte) error {
	var configuration admissionregistrationv1.MutatingWebhookConfiguration
	if err := w.Get(ctx, client.ObjectKey{Name: "snapback"}, &configuration); err != nil {
		return err
	}
	for _, entry := range configuration.Webhooks {
		if !bytes.Contains(entry.ClientConfig.CABundle, bytes.TrimSpace(ca)) {
			return fmt.Errorf("entry %s does not trust the CA of the Secret", entry.Name)
		}
	}
	return nil
}

func (w *world) certificateSecret(ctx context.Context) (*corev1.Secret, error) {
	var secret corev1.Secret
	if err := w.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: "snapback-webhook-tls"}, &secret); err != nil {
		return nil, fmt.Errorf("read the webhook's certificate: %w", err)
	}
	return &secret, nil
}
