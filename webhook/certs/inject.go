package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// annotationInjected tells cert-manager to write the CA. If both it and Snapback
// did, each would undo the other's change for ever.
const annotationInjected = "cert-manager.io/inject-ca-from"

// configuration returns the webhook configuration. It is an error if cert-manager
// is to write its CA.
func (k *Keeper) configuration(ctx context.Context) (*admissionregistrationv1.MutatingWebhookConfiguration, error) {
	var configuration admissionregistrationv1.MutatingWebhookConfiguration
	if err := k.Client.Get(ctx, types.NamespacedName{Name: k.Configuration}, &configuration); err != nil {
		return nil, fmt.Errorf("read mutatingwebhookconfiguration %s: %w", k.Configuration, err)
	}
	if from := configuration.Annotations[annotationInjected]; from != "" {
		return nil, fmt.Errorf("mutatingwebhookconfiguration %s is annotated %s=%s: remove that, or run without --certs=self", k.Configuration, annotationInjected, from)
	}
	return &configuration, nil
}

// trusted adds the CA to the webhook configuration if it is missing. It returns how
// long to wait until all apiservers know the CA.
func (k *Keeper) trusted(ctx context.Context, configuration *admissionregistrationv1.MutatingWebhookConfiguration, ca []byte) (time.Duration, error) {
	updated := configuration.DeepCopy()
	if !inject(updated, ca, k.now()) {
		if k.ca != string(ca) {
			k.ca, k.since = string(ca), k.now()
		}
		return settle - k.now().Sub(k.since), nil
	}
	if err := k.Client.Update(ctx, updated); err != nil {
		return 0, fmt.Errorf("put the CA into mutatingwebhookconfiguration %s: %w", k.Configuration, err)
	}
	log.FromContext(ctx).Info("put the CA into the webhook configuration", "webhookConfiguration", k.Configuration)
	return settle, nil
}

// inject adds the CA to each webhook that lacks it, and reports whether one lacked
// it. Older CAs stay until they expire: a certificate of an older CA may still be
// served.
func inject(configuration *admissionregistrationv1.MutatingWebhookConfiguration, ca []byte, now time.Time) bool {
	changed := false
	for i := range configuration.Webhooks {
		in := &configuration.Webhooks[i].ClientConfig
		if bytes.Contains(in.CABundle, bytes.TrimSpace(ca)) {
			continue
		}
		changed = true
		in.CABundle = append(bytes.Clone(ca), unexpired(in.CABundle, now)...)
	}
	return changed
}

// maxOld is how many older CAs a bundle keeps, the newest first.
const maxOld = 3

func unexpired(bundle []byte, now time.Time) []byte {
	all, err := cert.ParseCertsPEM(bundle)
	if err != nil {
		return nil // a placeholder
	}
	var kept []*x509.Certificate
	for _, c := range all {
		if now.Before(c.NotAfter) && len(kept) < maxOld {
			kept = append(kept, c)
		}
	}
	out, err := cert.EncodeCertificates(kept...)
	if err != nil {
		return nil
	}
	return out
}
