// Package proxy stands between Kubernetes' parts in a chaos run: in front of the
// apiserver, one for each component, and in front of the webhook. It records what
// is written and asked, and does what faults want.
package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/snapback-dev/snapback/e2e/certs"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// poll is how often something that hangs looks whether its fault has ended.
const poll = 100 * time.Millisecond

// APIServer is the apiserver as one component sees it.
type APIServer struct {
	component string
	faults    *Faults
	log       *record.Log
	passOn    *httputil.ReverseProxy
	server    *http.Server
	address   string
}

// NewAPIServer listens for one component. Requests without a token are passed on
// under the certificate of upstream's config, those with a token under that.
func NewAPIServer(component string, upstream *rest.Config, ca *certs.Authority, faults *Faults, to *record.Log) (*APIServer, error) {
	target, err := url.Parse(upstream.Host)
	if err != nil {
		return nil, fmt.Errorf("proxy for %s: %w", component, err)
	}
	transport, err := rest.TransportFor(&rest.Config{Host: upstream.Host, TLSClientConfig: upstream.TLSClientConfig})
	if err != nil {
		return nil, fmt.Errorf("proxy for %s: %w", component, err)
	}
	p := &APIServer{component: component, faults: faults, log: to}
	quiet := log.New(io.Discard, "", 0)
	p.passOn = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      transport,
		FlushInterval:  -1,
		ErrorLog:       quiet,
		ModifyResponse: p.answered,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	pair, err := ca.Sign(pkix.Name{CommonName: "proxy"}, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return nil, fmt.Errorf("proxy for %s: %w", component, err)
	}
	p.server, p.address, err = serve("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}}, p)
	return p, err
}

// serve serves a handler on an address.
func serve(address string, config *tls.Config, handler http.Handler) (*http.Server, string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", fmt.Errorf("proxy on %s: %w", address, err)
	}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0), TLSConfig: config}
	go server.ServeTLS(listener, "", "") //nolint:errcheck // it ends with Close
	return server, listener.Addr().String(), nil
}

// Config is the config by which the component reaches the apiserver through the
// proxy, with the token of the given one.
func (p *APIServer) Config(ca *certs.Authority, token string) *rest.Config {
	return &rest.Config{Host: "https://" + p.address, BearerToken: token, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAData: ca.PEM}}
}

// Close ends the proxy with its connections.
func (p *APIServer) Close() error { return p.server.Close() }

// passing is what is known of a request under way.
type passing struct {
	Request
	write *record.Write // nil: nothing that is recorded
	lose  bool
	said  int // the status in place of an answer that is lost; 0: none
}

type passingKey struct{}

func (p *APIServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := &passing{Request: requestOf(p.component, r)}
	effect := p.faults.ask(now.Request)
	if recorded(r) {
		now.write = &record.Write{Began: time.Now().UTC(), Component: p.component, Agent: r.UserAgent(), Verb: r.Method,
			Path: r.URL.Path, Query: r.URL.RawQuery, Fault: effect.Name}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the caller is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		now.write.Body = jsonOnly(body)
		defer func() { p.log.Add(record.Record{Write: now.write}) }()
	}
	if p.suffer(w, r, now, effect) {
		return
	}
	ctx := context.WithValue(r.Context(), passingKey{}, now)
	if now.Watch {
		var cut context.CancelFunc
		ctx, cut = context.WithCancel(ctx)
		defer cut()
		defer p.faults.begin(now.Request, cut)()
	}
	p.passOn.ServeHTTP(w, r.WithContext(ctx))
}

// suffer does what a fault does before a request is passed on, and reports
// whether that was all.
func (p *APIServer) suffer(w http.ResponseWriter, r *http.Request, now *passing, e Effect) bool {
	if e.Delay > 0 {
		select {
		case <-time.After(e.Delay):
		case <-r.Context().Done():
			return true
		}
	}
	if e.Hang {
		for p.faults.ask(now.Request).Hang && r.Context().Err() == nil {
			select {
			case <-time.After(poll):
			case <-r.Context().Done():
			}
		}
		panic(http.ErrAbortHandler)
	}
	if e.Cut {
		panic(http.ErrAbortHandler)
	}
	if e.Expire {
		expire(w)
		return true
	}
	now.lose, now.said = e.Lose, e.Status
	if e.Status == 0 || e.Lose {
		return false
	}
	if now.write != nil {
		now.write.Status = e.Status
	}
	refuse(w, e.Status)
	return true
}

// answered records an answer, and mutes watches.
func (p *APIServer) answered(resp *http.Response) error {
	now := resp.Request.Context().Value(passingKey{}).(*passing)
	if now.Watch {
		now.Open = true
		resp.Body = &watch{ReadCloser: resp.Body, now: now, faults: p.faults}
		return nil
	}
	if now.write != nil {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return fmt.Errorf("read the apiserver's answer: %w", err)
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		now.write.Status, now.write.Answer = resp.StatusCode, jsonOnly(body)
	}
	if now.lose && now.said != 0 {
		return instead(resp, now.said)
	}
	if now.lose {
		return errors.New("the answer is lost")
	}
	return nil
}

// watch is the stream of a watch, which a fault can mute.
type watch struct {
	io.ReadCloser
	now    *passing
	faults *Faults
}

func (b *watch) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	effect := b.faults.ask(b.now.Request)
	if effect.Cut {
		return 0, errors.New("the connection was cut")
	}
	if err != nil || !effect.Mute {
		return n, err
	}
	for b.faults.ask(b.now.Request).Mute {
		time.Sleep(poll)
	}
	return 0, errors.New("the watch was muted")
}

// recorded reports whether a request is one that changes what the checks ask about.
func recorded(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		for _, noise := range []string{"/events", "/leases", "/tokenreviews", "/token", "/subjectaccessreviews"} {
			if strings.Contains(r.URL.Path, noise) {
				return false
			}
		}
		return true
	}
	return false
}

func jsonOnly(body []byte) json.RawMessage {
	if json.Valid(body) {
		return body
	}
	return nil // protobuf: the objects tell
}
