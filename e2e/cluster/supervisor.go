package cluster

import (
	"context"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"

	"github.com/snapback-dev/snapback/e2e/certs"
)

const (
	adminKubeconfig    = "admin.kubeconfig"
	snapbackKubeconfig = "snapback.kubeconfig"

	// startTimeout is the limit for the whole start, which usually takes ten seconds.
	startTimeout = 2 * time.Minute
)

// The subject of the webhook's certificate, and the name that it is valid for.
var (
	webhookSubject = pkix.Name{CommonName: serviceName}
	webhookName    = serviceName + "." + Namespace + ".svc"
)

// binaries are the programs that are built from this repository.
type binaries struct{ driver, snapback string }

// supervisor runs the programs of one cluster, in a folder of its own.
type supervisor struct {
	dir        string
	components string
	binaries   binaries
	net        network
	ca         *certs.Authority
	admin      *rest.Config
	processes
}

// Run brings a cluster up, writes its [State] to ready as one line of JSON,
// and takes it down when the context is done. It must be called on the main
// thread, and leaves nothing behind but the logs, if options ask for them.
func Run(ctx context.Context, options Options, ready io.Writer) (err error) {
	s, err := newSupervisor(ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		s.stop()
		err = errors.Join(err, s.keepLogs(options.Logs), os.RemoveAll(s.dir))
	}()
	if err := s.up(ctx, options); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted
		}
		return err
	}
	state, err := json.Marshal(State{Pid: os.Getpid(), Dir: s.dir, Storage: options.storage(s.dir), WebhookMetrics: loopback(s.net.metrics[0]), SchedulerMetrics: loopback(s.net.metrics[1])})
	if err != nil {
		return fmt.Errorf("encode the cluster's state: %w", err)
	}
	if _, err := fmt.Fprintf(ready, "%s\n", state); err != nil {
		return fmt.Errorf("tell that the cluster is up: %w", err)
	}
	return s.firstDeath(ctx)
}

func newSupervisor(ctx context.Context, options Options) (*supervisor, error) {
	if err := BuildComponents(ctx, os.Stderr); err != nil {
		return nil, err
	}
	s := &supervisor{}
	var err error
	if s.components, err = cacheDir(); err != nil {
		return nil, err
	}
	if s.binaries.driver, err = Build(ctx, "e2e/csidriver", ".", "csi-driver"); err != nil {
		return nil, err
	}
	if options.Snapback {
		if s.binaries.snapback, err = Build(ctx, ".", "./cmd/snapback", "snapback"); err != nil {
			return nil, err
		}
	}
	if s.net, err = newNetwork(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "snapback-cluster-"); err != nil {
		return nil, fmt.Errorf("make the cluster's folder: %w", err)
	}
	return s, nil
}

// up starts all programs in order, each when the programs that it needs are ready.
func (s *supervisor) up(ctx context.Context, options Options) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.writeFiles(); err != nil {
		return err
	}
	if err := s.startControlPlane(options); err != nil {
		return err
	}
	if err := s.waitFor(ctx, "the apiserver", s.apiserverReady); err != nil {
		return err
	}
	if err := s.startControllers(options); err != nil {
		return err
	}
	if err := s.install(ctx, options); err != nil {
		return err
	}
	if err := s.startStorage(ctx, options); err != nil {
		return err
	}
	if err := s.accountKubeconfig(ctx); err != nil {
		return err
	}
	if !options.Snapback {
		return nil
	}
	if err := s.startSnapback(); err != nil {
		return err
	}
	return s.waitFor(ctx, "Snapback", func(ctx context.Context) error {
		return errors.Join(probe(ctx, s.net.health[0], "/readyz"), probe(ctx, s.net.health[1], "/healthz"))
	})
}

// writeFiles makes certificates and kubeconfigs.
func (s *supervisor) writeFiles() error {
	if err := os.MkdirAll(s.logs(), 0o755); err != nil {
		return fmt.Errorf("make the log folder: %w", err)
	}
	var err error
	if s.ca, err = certs.NewAuthority(); err != nil {
		return err
	}
	if err := os.WriteFile(s.file("ca.crt"), s.ca.PEM, 0o644); err != nil {
		return fmt.Errorf("write the CA: %w", err)
	}
	localhost := []net.IP{net.IPv4(127, 0, 0, 1)}
	pairs := []struct {
		dir       string
		subject   pkix.Name
		names     []string
		addresses []net.IP
	}{
		{"apiserver", pkix.Name{CommonName: "kube-apiserver"}, []string{"localhost", "kubernetes.default.svc"}, localhost},
		{"accounts", pkix.Name{CommonName: "service-accounts"}, nil, nil},
		{"admin", pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}, nil, nil},
		{"webhook", webhookSubject, []string{webhookName}, nil},
	}
	signed := map[string]certs.Pair{}
	for _, p := range pairs {
		pair, err := s.ca.Sign(p.subject, p.names, p.addresses)
		if err != nil {
			return err
		}
		if err := pair.Write(s.file(p.dir)); err != nil {
			return err
		}
		signed[p.dir] = pair
	}
	s.admin = &rest.Config{Host: "https://" + loopback(s.net.apiserver), QPS: -1, TLSClientConfig: rest.TLSClientConfig{
		CAData: s.ca.PEM, CertData: signed["admin"].Cert, KeyData: signed["admin"].Key,
	}}
	return WriteKubeconfig(s.file(adminKubeconfig), s.admin)
}

func (s *supervisor) apiserverReady(ctx context.Context) error {
	client, err := rest.HTTPClientFor(s.admin)
	if err != nil {
		return fmt.Errorf("make a client of the apiserver: %w", err)
	}
	return get(ctx, client, s.admin.Host+"/readyz")
}

func probe(ctx context.Context, port int, path string) error {
	return get(ctx, http.DefaultClient, "http://"+loopback(port)+path)
}

func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: %s", url, resp.Status)
	}
	return nil
}

func (s *supervisor) start(name, binary string, args ...string) error {
	p, err := start(name, binary, s.logs(), args...)
	if err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	return nil
}

// keepLogs moves the logs to a folder of the user's.
func (s *supervisor) keepLogs(to string) error {
	if to == "" {
		return nil
	}
	if err := os.CopyFS(filepath.Join(to, filepath.Base(s.dir)), os.DirFS(s.logs())); err != nil {
		return fmt.Errorf("keep the logs: %w", err)
	}
	return nil
}

func (s *supervisor) component(name string) string { return filepath.Join(s.components, name) }
func (s *supervisor) file(name string) string      { return filepath.Join(s.dir, name) }
func (s *supervisor) logs() string                 { return s.file("logs") }
