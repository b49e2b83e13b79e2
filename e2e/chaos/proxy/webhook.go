package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/e2e/certs"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// Replica is one of the webhook's processes.
type Replica struct{ Name, Address string }

// Webhook is the webhook's Service: it takes the replicas in turn, and the next one
// if one refuses the connection.
type Webhook struct {
	replicas []Replica
	next     atomic.Int64
	client   *http.Client
	server   *http.Server
	log      *record.Log
	faults   *Faults

	mu   sync.Mutex
	last map[string]record.Admission // by namespace and name
}

// Component is the name of the apiserver's calls of the webhook, for faults.
const Component = "admission"

// NewWebhook listens on the address of the Service with the certificate that is in a
// folder, which is valid for the name unless a fault sees to it. As it goes on, the
// replicas have that certificate too.
func NewWebhook(address, dir, name string, ca *certs.Authority, replicas []Replica, faults *Faults, to *record.Log) (*Webhook, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.PEM)
	p := &Webhook{replicas: replicas, log: to, faults: faults, last: map[string]record.Admission{},
		// Each question has a connection of its own, so that another certificate counts at once.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name}}}}
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
		return &pair, err
	}}
	var err error
	p.server, _, err = serve(address, config, p)
	return p, err
}

// Close ends the proxy.
func (p *Webhook) Close() error { return p.server.Close() }

// Last returns the last answer about a claim, by namespace and name, or the
// beginning of a generated name.
func (p *Webhook) Last(namespace, name string) (record.Admission, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.last[namespace+"/"+name]
	return a, ok
}

func (p *Webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(r.Body)
	if err != nil {
		return // the apiserver is gone
	}
	a := &record.Admission{Began: time.Now().UTC()}
	asked(a, question)
	defer func() {
		p.log.Add(record.Record{Admission: a})
		p.mu.Lock()
		defer p.mu.Unlock()
		p.last[a.Namespace+"/"+a.Name] = *a
	}()
	switch e := p.faults.ask(Request{Component: Component, Verb: r.Method, Path: r.URL.Path}); {
	case e.Status != 0:
		a.Status = e.Status
		w.WriteHeader(e.Status)
		return
	case e.Cut, e.Lose, e.Hang:
		panic(http.ErrAbortHandler)
	case e.Delay > 0:
		time.Sleep(e.Delay)
	}
	status, answer, err := p.pass(r.Context(), a, r.URL.Path, question)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	a.Status = status
	answered(a, answer)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(answer) // the apiserver may be gone
}

// pass asks a replica, or the next one if its port is closed.
func (p *Webhook) pass(ctx context.Context, a *record.Admission, path string, question []byte) (int, []byte, error) {
	var errs []error
	for range p.replicas {
		replica := p.replicas[int(p.next.Add(1))%len(p.replicas)]
		a.Replica = replica.Name
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+replica.Address+path, bytes.NewReader(question))
		if err != nil {
			return 0, nil, err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := p.client.Do(req)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		answer, err := io.ReadAll(resp.Body)
		return resp.StatusCode, answer, errors.Join(err, resp.Body.Close())
	}
	return 0, nil, errors.Join(errs...)
}

func asked(a *record.Admission, question []byte) {
	var review admissionv1.AdmissionReview
	if json.Unmarshal(question, &review) != nil || review.Request == nil {
		return
	}
	var named struct{ Metadata metav1.ObjectMeta }
	_ = json.Unmarshal(review.Request.Object.Raw, &named) // without a name it is nobody's
	a.Namespace, a.Name, a.DryRun, a.Object = review.Request.Namespace, named.Metadata.Name, ptr.Deref(review.Request.DryRun, false), review.Request.Object.Raw
	if named.Metadata.GenerateName != "" { // the apiserver has chosen a name already
		a.Name = named.Metadata.GenerateName
	}
}

func answered(a *record.Admission, answer []byte) {
	var review admissionv1.AdmissionReview
	if json.Unmarshal(answer, &review) != nil || review.Response == nil {
		return
	}
	r := review.Response
	a.Allowed, a.Audit, a.Warnings = r.Allowed, r.AuditAnnotations, r.Warnings
	a.Decision = r.AuditAnnotations["decision"]
	if r.Result != nil {
		a.Message = r.Result.Message
	}
	var ops []struct {
		Path  string
		Value json.RawMessage
	}
	_ = json.Unmarshal(r.Patch, &ops) // no patch is no data source
	for _, op := range ops {
		if op.Path == "/spec/dataSource" {
			var source struct{ Name string }
			_ = json.Unmarshal(op.Value, &source)
			a.Snapshot = source.Name
		}
	}
}
