package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	wrongclock "github.com/snapback-dev/snapback/e2e/chaos/clock"
)

// process is a program that the cluster consists of.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string // file
	done chan struct{}
}

// lazyParts are the programs of Kubernetes. They collect garbage less often than by
// themselves: on two cores, an apiserver whose heap is small answers four times as slowly.
// Snapback runs as it is shipped.
var lazyParts = map[string]bool{partEtcd: true, partAPIServer: true, partControllers: true, partSnapshots: true, partSnapshotter: true, partProvisioner: true}

// lazily makes a program of Go let its heap grow to five times what is in use.
const lazily = "GOGC=400"

// clockFile is the file that says by how much a program's clock is wrong.
func clockFile(logs, name string) string { return filepath.Join(filepath.Dir(logs), name+".clock") }

// start starts a program with its output in the log folder. The kernel ends it
// with the thread that started it: callers stay on the main thread.
func start(name, binary, logs string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(logs, name+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644) // a program may be started again
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer out.Close() //nolint:errcheck // the child has its own copy
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env = append(os.Environ(), wrongclock.Variable+"="+clockFile(logs, name))
	if lazyParts[name] {
		p.cmd.Env = append(p.cmd.Env, lazily)
	}
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

// stop asks the program to end, and kills it after the grace period.
func (p *process) stop(grace time.Duration) {
	if grace > 0 {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-p.done:
			return
		case <-time.After(grace):
		}
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}

// died is the error of a program that ended by itself, with its last output.
func (p *process) died() error {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return fmt.Errorf("%s ended (%s), and its log cannot be read: %w", p.name, p.cmd.ProcessState, err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return fmt.Errorf("%s ended: %s; its last words:\n%s", p.name, p.cmd.ProcessState, strings.Join(lines[max(0, len(lines)-15):], "\n"))
}

// processes are all programs of a cluster, in the order of their start.
type processes []*process

// waitFor polls until the condition holds. It fails at once when a program
// ends, and tells what it has waited for when the context does.
func (ps processes) waitFor(ctx context.Context, what string, condition func(context.Context) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
		for _, p := range ps {
			select {
			case <-p.done:
				return p.died()
			default:
			}
		}
	}
}

// firstDeath returns when one of the programs ends, or the context does.
func (ps processes) firstDeath(ctx context.Context) error {
	dead := make(chan *process, len(ps))
	for _, p := range ps {
		go func() {
			<-p.done
			dead <- p
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case p := <-dead:
		return p.died()
	}
}

// stop ends the programs, the last one first: clients before servers. Only the
// ones with something to clean up are asked; the rest has nothing that outlives
// the cluster.
func (ps processes) stop() {
	for i := len(ps) - 1; i >= 0; i-- {
		var grace time.Duration
		if ps[i].name == partDriver {
			grace = 5 * time.Second // it may have stopped a writer for a snapshot
		}
		ps[i].stop(grace)
	}
}
