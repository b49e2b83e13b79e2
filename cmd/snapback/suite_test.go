package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/ports"
)

// shared is a cluster without Snapback: each test runs processes of its own.
var shared = &cluster.Shared{}

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(shared.Stop(shared.MustUse(m.Run(), cluster.Account, cluster.CommandUses)))
}

// patience is for what takes seconds when all is well.
const patience = 3 * time.Minute

func eventually(t *testing.T, condition func(context.Context) error) {
	t.Helper()
	if err := cluster.Eventually(t.Context(), patience, condition); err != nil {
		t.Fatal(err)
	}
}

func apiClient(t *testing.T, c *cluster.Cluster) client.Client {
	t.Helper()
	made, err := cluster.NewClient(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func create(t *testing.T, c client.Client, o client.Object) {
	t.Helper()
	if err := c.Create(t.Context(), o); err != nil {
		t.Fatalf("create %T: %v", o, err)
	}
}

func newNamespace(t *testing.T, c client.Client, annotations map[string]string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "kafka-", Annotations: annotations}}
	create(t, c, ns)
	return ns.Name
}

// binary is the command, built once.
var binary = sync.OnceValues(func() (string, error) {
	return cluster.Build(context.Background(), ".", "./cmd/snapback", "snapback")
})

// process is a running command.
type process struct {
	*testing.T
	health string // host:port
	cmd    *exec.Cmd
	ended  chan struct{}
	said   *output
}

// output keeps what a process says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// run starts the command, without metrics unless the arguments say so.
func run(t *testing.T, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	health := ports.Address(t)
	p := launch(t, path, append([]string{args[0], "--health-probe-bind-address=" + health, "--metrics-bind-address=0"}, args[1:]...)...)
	p.health = health
	return p
}

// launch starts a program; it is killed when the test ends, and must not have
// ended before unless it was asked to.
func launch(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{T: t, cmd: exec.Command(path, args...), ended: make(chan struct{}), said: &output{}}
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in the state
		close(p.ended)
	}()
	t.Cleanup(func() {
		if !p.running() && p.cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("%s %s ended by itself: %s", path, args[0], p.cmd.ProcessState)
		}
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s %s said:\n%s", path, args[0], lastLines(p.said.String(), 40))
		}
	})
	return p
}

// lastLines are the last that are not about single claims, of which there are
// thousands.
func lastLines(text string, n int) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(l string) bool { return strings.Contains(l, `"msg":"decision"`) })
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop asks the process to end, as a kubelet does.
func (p *process) stop() {
	p.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.Fatal(err)
	}
}

// check asks a health check; an error is its answer.
func (p *process) check(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.health+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, resp.Status, body)
	}
	return err
}

// awaitReady waits for the process to be ready.
func (p *process) awaitReady() {
	p.Helper()
	p.await("/readyz", true)
}

// await waits until a check is answered, and passes or does not.
func (p *process) await(path string, want bool) {
	p.Helper()
	eventually(p.T, func(ctx context.Context) error {
		err := p.check(ctx, path)
		var unreachable *net.OpError
		if errors.As(err, &unreachable) || (err == nil) != want {
			return fmt.Errorf("%s: passing %t expected, got %w", path, want, err)
		}
		return nil
	})
}

// kubeconfig writes the config into a file.
func kubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := cluster.WriteKubeconfig(file, config); err != nil {
		t.Fatal(err)
	}
	return file
}

// account is the config of the shipped ServiceAccount.
func account(t *testing.T, c *cluster.Cluster) *rest.Config {
	t.Helper()
	config, err := c.SnapbackConfig()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// serviceAddress is the host and port where the apiserver asks the webhook.
func serviceAddress(t *testing.T, c *cluster.Cluster) (host, port string) {
	t.Helper()
	var service corev1.Service
	if err := apiClient(t, c).Get(t.Context(), client.ObjectKey{Namespace: cluster.Namespace, Name: "snapback-webhook"}, &service); err != nil {
		t.Fatal(err)
	}
	return service.Spec.ClusterIP, fmt.Sprint(service.Spec.Ports[0].Port)
}

// authority is the CA of the cluster's own certificates, in PEM.
func authority(t *testing.T, c *cluster.Cluster) []byte {
	t.Helper()
	ca, err := os.ReadFile(filepath.Join(c.Dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// command runs the command until it ends, which it must soon.
func command(t *testing.T, path string, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	return string(out), err
}
