package certs

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

var key = types.NamespacedName{Namespace: "snapback-system", Name: "snapback-webhook-tls"}

// fixture is a cluster with a webhook configuration of two entries.
type fixture struct {
	*testing.T
	client client.Client
	clock  *clockwork.FakeClock
}

func newFixture(t *testing.T) *fixture {
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "snapback"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{
			{Name: "a.snapback.dev"}, {Name: "b.snapback.dev", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: []byte("\n")}},
		}}
	return &fixture{T: t, client: fake.NewClientBuilder().WithObjects(configuration).Build(), clock: clockwork.NewFakeClockAt(time.Now().Truncate(time.Second))}
}

func (f *fixture) keeper(self bool) *Keeper {
	k := NewKeeper(key, "snapback-webhook", "snapback", self, f.clock.Now)
	k.Client = f.client
	return k
}

func (f *fixture) look(k *Keeper) {
	f.Helper()
	if _, err := k.Reconcile(f.Context(), reconcile.Request{}); err != nil {
		f.Fatal(err)
	}
}

// settled reconciles until the certificate of the Secret is served.
func (f *fixture) settled(k *Keeper) {
	f.Helper()
	f.look(k)
	f.look(k)
	f.clock.Advance(settle)
	f.look(k)
	if served := f.leaf(k); served == nil || !served.Equal(f.certificate(corev1.TLSCertKey)) {
		f.Fatal("what the Secret has is not served")
	}
}

func (f *fixture) leaf(k *Keeper) *x509.Certificate {
	f.Helper()
	c, err := k.GetCertificate(nil)
	if err != nil {
		return nil
	}
	return c.Leaf
}

func (f *fixture) secret() *corev1.Secret {
	f.Helper()
	var s corev1.Secret
	if err := f.client.Get(f.Context(), key, &s); err != nil {
		f.Fatal(err)
	}
	return &s
}

func (f *fixture) certificate(name string) *x509.Certificate {
	f.Helper()
	all, err := cert.ParseCertsPEM(f.secret().Data[name])
	if err != nil {
		f.Fatal(err)
	}
	return all[0]
}

func (f *fixture) bundles() [][]byte {
	f.Helper()
	var c admissionregistrationv1.MutatingWebhookConfiguration
	if err := f.client.Get(f.Context(), types.NamespacedName{Name: "snapback"}, &c); err != nil {
		f.Fatal(err)
	}
	var all [][]byte
	for _, w := range c.Webhooks {
		all = append(all, w.ClientConfig.CABundle)
	}
	return all
}

// wantTrusted checks that an apiserver would trust the served certificate.
func (f *fixture) wantTrusted(k *Keeper) {
	f.Helper()
	served := f.leaf(k)
	if served == nil {
		return
	}
	for i, bundle := range f.bundles() {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(bundle)
		if _, err := served.Verify(x509.VerifyOptions{Roots: roots, DNSName: "snapback-webhook.snapback-system.svc", CurrentTime: f.clock.Now()}); err != nil {
			f.Errorf("entry %d: %v", i, err)
		}
	}
}

func TestMakesItsOwn(t *testing.T) {
	f := newFixture(t)
	k := f.keeper(true)
	if k.Check(nil) == nil {
		t.Error("ready without a certificate")
	}
	f.look(k)
	f.look(k)
	if f.leaf(k) != nil {
		t.Error("a certificate is served that not all apiservers trust yet")
	}
	f.settled(k)
	f.wantTrusted(k)
	if err := k.Check(nil); err != nil {
		t.Error(err)
	}
	before := f.secret().ResourceVersion
	f.look(k)
	if f.secret().ResourceVersion != before {
		t.Error("a good certificate was replaced")
	}
}

func TestRenewsTheLeaf(t *testing.T) {
	f := newFixture(t)
	k := f.keeper(true)
	f.settled(k)
	first, ca, bundles := f.leaf(k), f.certificate(caCert), f.bundles()
	f.clock.Advance(leafLife - leafRenewal - time.Minute)
	f.look(k)
	if !f.leaf(k).Equal(first) {
		t.Error("renewed too soon")
	}
	f.clock.Advance(2 * time.Minute)
	f.look(k)
	if f.leaf(k).Equal(first) || !f.leaf(k).Equal(f.certificate(corev1.TLSCertKey)) {
		t.Error("not renewed, or not served at once")
	}
	if !f.certificate(caCert).Equal(ca) || !bytes.Equal(f.bundles()[0], bundles[0]) {
		t.Error("the CA is another")
	}
	f.wantTrusted(k)
}

// A new CA, for whatever reason, is trusted before its certificate is served,
// and the one before stays trusted until then.
func TestANewCA(t *testing.T) {
	for name, spoil := range map[string]func(*fixture){
		"the Secret was deleted": func(f *fixture) {
			if err := f.client.Delete(f.Context(), f.secret()); err != nil {
				f.Fatal(err)
			}
		},
		"the CA comes to its end": func(f *fixture) { f.clock.Advance(caLife - caRenewal + time.Hour) },
		"the CA's key is lost": func(f *fixture) {
			s := f.secret()
			delete(s.Data, caKey)
			if err := f.client.Update(f.Context(), s); err != nil {
				f.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			k := f.keeper(true)
			f.settled(k)
			first, ca := f.leaf(k), f.certificate(caCert)
			spoil(f)
			expired := f.clock.Now().After(first.NotAfter)
			for range 3 {
				f.look(k)
				if !f.leaf(k).Equal(first) {
					t.Error("a certificate is served that not all apiservers trust yet")
				}
				if !expired {
					f.wantTrusted(k)
				}
			}
			f.settled(k)
			f.wantTrusted(k)
			if f.certificate(caCert).Equal(ca) {
				t.Error("the CA is the same")
			}
		})
	}
}

// The configuration is applied again without a CA.
func TestInjectsAgain(t *testing.T) {
	f := newFixture(t)
	k := f.keeper(true)
	f.settled(k)
	var c admissionregistrationv1.MutatingWebhookConfiguration
	if err := f.client.Get(t.Context(), types.NamespacedName{Name: "snapback"}, &c); err != nil {
		t.Fatal(err)
	}
	c.Webhooks[1].ClientConfig.CABundle = nil
	if err := f.client.Update(t.Context(), &c); err != nil {
		t.Fatal(err)
	}
	f.look(k)
	f.wantTrusted(k)
}

func TestLeavesCertManagersAlone(t *testing.T) {
	f := newFixture(t)
	var c admissionregistrationv1.MutatingWebhookConfiguration
	if err := f.client.Get(t.Context(), types.NamespacedName{Name: "snapback"}, &c); err != nil {
		t.Fatal(err)
	}
	c.Annotations = map[string]string{annotationInjected: "snapback-system/snapback-webhook"}
	if err := f.client.Update(t.Context(), &c); err != nil {
		t.Fatal(err)
	}
	if _, err := f.keeper(true).Reconcile(t.Context(), reconcile.Request{}); err == nil {
		t.Error("two would write the CA")
	}
}

// Two replicas find no certificate, or one that they must renew: only one writes.
func TestTwoReplicas(t *testing.T) {
	f := newFixture(t)
	a, b := f.keeper(true), f.keeper(true)
	stale, err := a.renewed(nil)
	if err != nil {
		t.Fatal(err)
	}
	f.settled(b)
	if _, err := a.ensure(t.Context(), &corev1.Secret{}, false); err == nil {
		t.Errorf("a second Secret was made beside %d keys", len(stale))
	}
	f.settled(a)
	f.clock.Advance(leafLife - leafRenewal + time.Minute)
	old := f.secret()
	f.look(b)
	if _, err := a.ensure(t.Context(), old, true); err == nil {
		t.Error("what the other has renewed was written over")
	}
	f.look(a)
	if !f.leaf(a).Equal(f.leaf(b)) {
		t.Error("each serves with another certificate")
	}
}

// A certificate that another tool writes into the Secret is served unchanged, if it is
// valid.
func TestFollowsTheSecret(t *testing.T) {
	f := newFixture(t)
	k := f.keeper(false)
	f.look(k)
	if f.leaf(k) != nil {
		t.Error("something is served without a Secret")
	}
	data, err := f.keeper(true).renewed(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Data: data}
	if err := f.client.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	f.look(k)
	first := f.leaf(k)
	if first == nil || len(f.bundles()[0]) > 0 {
		t.Error("not served, or the CA injected")
	}
	other := f.keeper(false)
	other.DNSName = "other.svc"
	for name, spoil := range map[string]func(s *corev1.Secret){
		"garbage":       func(s *corev1.Secret) { s.Data[corev1.TLSCertKey] = []byte("garbage") },
		"another's key": func(s *corev1.Secret) { s.Data[corev1.TLSPrivateKeyKey] = s.Data[caKey] },
		"no key":        func(s *corev1.Secret) { delete(s.Data, corev1.TLSPrivateKeyKey) },
		"another name":  func(s *corev1.Secret) { s.Data = must(t, other).Data },
	} {
		spoilt := f.secret()
		spoil(spoilt)
		if err := f.client.Update(t.Context(), spoilt); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Reconcile(t.Context(), reconcile.Request{}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if !f.leaf(k).Equal(first) {
			t.Errorf("%s: served", name)
		}
		spoilt.Data = data
		if err := f.client.Update(t.Context(), spoilt); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.client.Delete(t.Context(), f.secret()); err != nil {
		t.Fatal(err)
	}
	f.look(k)
	if !f.leaf(k).Equal(first) {
		t.Error("with the Secret the certificate is gone")
	}
	f.clock.Advance(leafLife + time.Minute)
	if k.Check(nil) == nil {
		t.Error("ready with an expired certificate")
	}
}

func must(t *testing.T, k *Keeper) *corev1.Secret {
	t.Helper()
	data, err := k.renewed(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{Data: data}
}
