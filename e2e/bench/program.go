package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/ports"
)

// program is a process that the benchmark has started. The kernel ends it with
// the benchmark, if that did not.
type program struct {
	name    string
	cmd     *exec.Cmd
	log     string // file
	started time.Time
	done    chan struct{}

	address         string // of a webhook's server
	health, metrics string // URLs
}

// startProgram starts a program; its log is with those of the cluster. It must be
// called on the main thread, whose end ends the program.
func startProgram(c *cluster.Cluster, name, binary string, args ...string) (*program, error) {
	p := &program{name: name, done: make(chan struct{}), started: time.Now()}
	out, err := os.CreateTemp(filepath.Join(c.Dir, "logs"), "bench-"+name+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer out.Close() //nolint:errcheck // the child has its own copy
	p.log = out.Name()
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env = append(os.Environ(), "GOMEMLIMIT=512MiB") // as manifests/base/deployment.yaml has it
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // its ProcessState says why it ended
		close(p.done)
	}()
	return p, nil
}

// startSnapback starts one of Snapback's processes, as the cluster does.
func startSnapback(ctx context.Context, c *cluster.Cluster, command, kubeconfig string, more ...string) (*program, error) {
	binary, err := cluster.Build(ctx, ".", "./cmd/snapback", "snapback")
	if err != nil {
		return nil, err
	}
	var answers, measures int
	if err := ports.Assign(&answers, &measures); err != nil {
		return nil, err
	}
	health, metrics := fmt.Sprintf("127.0.0.1:%d", answers), fmt.Sprintf("127.0.0.1:%d", measures)
	p, err := startProgram(c, command, binary, append([]string{command, "--kubeconfig=" + kubeconfig,
		"--health-probe-bind-address=" + health, "--metrics-bind-address=" + metrics}, more...)...)
	if err != nil {
		return nil, err
	}
	p.health, p.metrics = "http://"+health+"/readyz", "http://"+metrics+"/metrics"
	return p, nil
}

func startWebhook(ctx context.Context, c *cluster.Cluster, kubeconfig string) (*program, error) {
	port, err := ports.Port()
	if err != nil {
		return nil, err
	}
	p, err := startSnapback(ctx, c, "webhook", kubeconfig, "--host=127.0.0.1", fmt.Sprintf("--port=%d", port), "--cert-dir="+filepath.Join(c.Dir, "webhook"))
	if err == nil {
		p.address = fmt.Sprintf("127.0.0.1:%d", port)
	}
	return p, err
}

func startScheduler(ctx context.Context, c *cluster.Cluster, kubeconfig string) (*program, error) {
	return startSnapback(ctx, c, "scheduler", kubeconfig, "--namespace="+cluster.Namespace)
}

func (p *program) pid() int { return p.cmd.Process.Pid }

// ready waits until the program says that it is ready, and returns how long that
// took from its start.
func (p *program) ready(ctx context.Context, client *http.Client) (time.Duration, error) {
	err := p.until(ctx, func(ctx context.Context) error {
		_, err := get(ctx, client, p.health)
		return err
	})
	return time.Since(p.started), err
}

// until waits until the condition holds, as long as the program runs.
func (p *program) until(ctx context.Context, condition func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.done:
			cancel(errors.New("it has ended"))
		case <-ctx.Done():
		}
	}()
	if err := cluster.Eventually(ctx, 5*time.Minute, condition); err != nil {
		return fmt.Errorf("wait for %s: %w; its last words:\n%s", p.name, err, p.lastWords())
	}
	return nil
}

func (p *program) lastWords() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// stop asks the program to end, so that it gives its lease back, and kills it if
// it does not.
func (p *program) stop() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.kill()
	}
}

// kill ends the program at once. It may have ended before, or never have started.
func (p *program) kill() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}
