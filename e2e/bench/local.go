package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	crwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/snapback-dev/snapback/e2e/ports"
)

// localServer is a webhook server in this process, of the kind that Snapback's
// is, with a certificate of its own.
type localServer struct {
	crwebhook.Server
	url     string
	ca      []byte // PEM
	allowed atomic.Int64

	dir  string
	stop context.CancelFunc
	done chan error
}

// startLocal starts the server; /allow allows everything.
func startLocal(ctx context.Context) (*localServer, error) {
	dir, err := os.MkdirTemp("", "snapback-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the certificate: %w", err)
	}
	l := &localServer{dir: dir, done: make(chan error, 1)}
	port, err := ports.Port()
	if err == nil {
		l.ca, err = writeCertificate(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (folder %s stays)", err, dir)
	}
	l.url = fmt.Sprintf("https://127.0.0.1:%d", port)
	l.Server = crwebhook.NewServer(crwebhook.Options{Host: "127.0.0.1", Port: port, CertDir: dir})
	l.Register("/allow", &crwebhook.Admission{Handler: admission.HandlerFunc(func(context.Context, admission.Request) admission.Response {
		l.allowed.Add(1)
		return admission.Allowed("")
	})})
	ctx, l.stop = context.WithCancel(ctx)
	go func() { l.done <- l.Start(ctx) }()
	return l, nil
}

// close stops the server and removes its folder.
func (l *localServer) close() error {
	l.stop()
	err := <-l.done
	if removed := os.RemoveAll(l.dir); err == nil {
		err = removed
	}
	if err != nil {
		return fmt.Errorf("stop the local webhook server: %w", err)
	}
	return nil
}

// client talks to the server as the apiserver does: over connections that stay.
func (l *localServer) client() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(l.ca)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
}

// writeCertificate makes a certificate of 127.0.0.1 that is its own CA, and
// returns it.
func writeCertificate(dir string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{"tls.crt": cert, "tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	return cert, nil
}
