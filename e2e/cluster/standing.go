package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// standing holds the files of the cluster that Up leaves behind, one per user:
// the state that the supervisor writes, and its error output.
type standing struct{ state, errors string }

func newStanding() (standing, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return standing{}, fmt.Errorf("find a folder for the cluster's state, set XDG_CACHE_HOME: %w", err)
	}
	dir := filepath.Join(base, "snapback-e2e")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return standing{}, fmt.Errorf("make a folder for the cluster's state: %w", err)
	}
	return standing{state: filepath.Join(dir, "standing.json"), errors: filepath.Join(dir, "standing.log")}, nil
}

// read returns the state of the cluster, nil if none is running.
func (s standing) read() (*State, error) {
	content, err := os.ReadFile(s.state)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the standing cluster's state: %w", err)
	}
	var state State
	if err := json.Unmarshal(content, &state); err != nil || !supervises(state.Pid) {
		return nil, nil //nolint:nilerr // it is gone, or never came up
	}
	return &state, nil
}

// supervises reports whether the process is one of a cluster's supervisor: the
// number may be another program's by now.
func supervises(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.Contains(line, []byte("embedded-cluster\x00run\x00"))
}

// Up starts a cluster with Snapback that outlives the caller, for at most the
// lifetime, and returns its kubeconfig file. One that is up already stays.
func Up(ctx context.Context, lifetime time.Duration) (string, error) {
	s, err := newStanding()
	if err != nil {
		return "", err
	}
	if state, err := s.read(); err != nil || state != nil {
		return state.kubeconfig(), err
	}
	if err := BuildComponents(ctx, os.Stdout); err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	supervisor, err := s.start(lifetime, cancel)
	if err != nil {
		return "", err
	}
	var state *State
	err = Eventually(ctx, startTimeout, func(ctx context.Context) error {
		state, err = s.read()
		if err == nil && state == nil {
			return cmp.Or(context.Cause(ctx), errors.New("the cluster is not up yet"))
		}
		return err
	})
	if err != nil {
		_ = supervisor.Signal(syscall.SIGTERM) // it may have ended by itself
	}
	return state.kubeconfig(), err
}

// start starts the supervisor in a session of its own. When it ends, the
// reason is given to ended.
func (s standing) start(lifetime time.Duration, ended context.CancelCauseFunc) (*os.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.Command(self, "run", "--for="+lifetime.String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	state, err := os.Create(s.state)
	if err != nil {
		return nil, fmt.Errorf("open the standing cluster's state: %w", err)
	}
	defer state.Close() //nolint:errcheck // the child has its own copy
	said, err := os.Create(s.errors)
	if err != nil {
		return nil, fmt.Errorf("open the standing cluster's log: %w", err)
	}
	defer said.Close() //nolint:errcheck // the child has its own copy
	cmd.Stdout, cmd.Stderr = state, said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	go func() {
		_ = cmd.Wait()                    // its ProcessState says why
		words, _ := os.ReadFile(s.errors) // empty says enough
		ended(fmt.Errorf("the cluster ended (%s): %s", cmd.ProcessState, words))
	}()
	return cmd.Process, nil
}

// Down stops the cluster that Up has left running, if there is one.
func Down(ctx context.Context) error {
	s, err := newStanding()
	if err != nil {
		return err
	}
	state, err := s.read()
	if err != nil || state == nil {
		return err
	}
	if err := syscall.Kill(state.Pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the cluster's supervisor (process %d): %w", state.Pid, err)
	}
	return Eventually(ctx, time.Minute, func(context.Context) error {
		if supervises(state.Pid) {
			return fmt.Errorf("the cluster's supervisor (process %d) has not ended", state.Pid)
		}
		return nil
	})
}
