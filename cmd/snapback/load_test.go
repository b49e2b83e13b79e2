package main_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// load asks for claims without a break, in dry runs, and counts the answers.
type load struct {
	*testing.T
	asked atomic.Int64

	mu      sync.Mutex
	failed  []error
	workers sync.WaitGroup
	stop    context.CancelFunc
}

// newLoad asks the apiserver, and with connections of its own whoever listens
// at the address: the apiserver keeps its for long, so that it would see few
// certificates.
func newLoad(t *testing.T, c client.Client, address string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{T: t, stop: cancel}
	ns := newNamespace(t, c, nil)
	claim := snapshotstest.StrimziClaim("kafka", "broker", 0, 0).In(ns).Class(cluster.StorageClass)
	for range 4 {
		l.work(ctx, func(ctx context.Context) error { return c.Create(ctx, claim.Obj(), client.DryRunAll) })
	}
	l.work(ctx, func(ctx context.Context) error { return handshake(ctx, c, address) })
	t.Cleanup(l.end)
	return l
}

func (l *load) work(ctx context.Context, ask func(context.Context) error) {
	l.workers.Go(func() {
		for ctx.Err() == nil {
			err := ask(context.WithoutCancel(ctx)) // what was asked is answered
			l.asked.Add(1)
			if err != nil {
				l.mu.Lock()
				l.failed = append(l.failed, fmt.Errorf("%s: %w", time.Now().UTC().Format("15:04:05.000"), err))
				l.mu.Unlock()
			}
		}
	})
}

// await waits until so many more claims have been answered.
func (l *load) await(n int64) {
	l.Helper()
	least := l.asked.Load() + n
	eventually(l.T, func(context.Context) error {
		if asked := l.asked.Load(); asked < least {
			return fmt.Errorf("%d of %d claims have been answered", asked, least)
		}
		return nil
	})
}

// end stops asking. No claim may have been refused.
func (l *load) end() {
	l.Helper()
	l.stop()
	l.workers.Wait()
	if len(l.failed) > 0 {
		l.Errorf("%d of %d claims were refused:\n%v", len(l.failed), l.asked.Load(), errors.Join(l.failed[:min(5, len(l.failed))]...))
		l.failed = nil
	}
}

// handshake connects to the webhook as an apiserver does that trusts what the
// webhook configuration says now.
func handshake(ctx context.Context, c client.Client, address string) error {
	var configuration admissionregistrationv1.MutatingWebhookConfiguration
	if err := c.Get(ctx, client.ObjectKey{Name: "snapback"}, &configuration); err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(configuration.Webhooks[0].ClientConfig.CABundle)
	_, err := served(ctx, address, &tls.Config{RootCAs: roots})
	return err
}

// served returns the certificate that is served at the address.
func served(ctx context.Context, address string, config *tls.Config) (*x509.Certificate, error) {
	config.ServerName = "snapback-webhook." + cluster.Namespace + ".svc"
	dialer := &tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// setCA has all entries of the webhook configuration trust the CA.
func setCA(t *testing.T, c client.Client, ca []byte) {
	t.Helper()
	var configuration admissionregistrationv1.MutatingWebhookConfiguration
	if err := c.Get(t.Context(), client.ObjectKey{Name: "snapback"}, &configuration); err != nil {
		t.Fatal(err)
	}
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].ClientConfig.CABundle = ca
	}
	if err := c.Update(t.Context(), &configuration); err != nil {
		t.Fatal(err)
	}
}

// awaitAnswers waits until the apiserver's claims reach a webhook that it trusts.
func awaitAnswers(t *testing.T, c client.Client) {
	t.Helper()
	claim := snapshotstest.StrimziClaim("kafka", "broker", 0, 0).In(newNamespace(t, c, nil)).Class(cluster.StorageClass)
	eventually(t, func(ctx context.Context) error { return c.Create(ctx, claim.Obj(), client.DryRunAll) })
}

// balancer stands where the Service is, as kube-proxy does: a new connection
// goes to a process that was ready a moment ago, and stays there.
type balancer struct {
	mu    sync.Mutex
	ready []string // host:port
	next  int
}

// lag is how long it takes until connections go elsewhere.
const lag = 500 * time.Millisecond

func newBalancer(t *testing.T, address string) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	b := &balancer{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			g := &gate{target: b.pick(), open: true}
			go g.pass(conn)
		}
	}()
	return b
}

func (b *balancer) pick() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		return "127.0.0.1:1" // nobody
	}
	b.next++
	return b.ready[b.next%len(b.ready)]
}

// follow looks at the processes' readiness as long as the test lasts.
func (b *balancer) follow(t *testing.T, p *process, address string) {
	ctx := t.Context()
	go func() {
		for tick := time.Tick(lag); ctx.Err() == nil; <-tick {
			is := p.check(ctx, "/readyz") == nil
			b.mu.Lock()
			b.ready = without(b.ready, address)
			if is {
				b.ready = append(b.ready, address)
			}
			b.mu.Unlock()
		}
	}()
}

func without(all []string, one string) []string {
	var rest []string
	for _, s := range all {
		if s != one {
			rest = append(rest, s)
		}
	}
	return rest
}
