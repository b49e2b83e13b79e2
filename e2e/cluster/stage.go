package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/rest"

	"github.com/snapback-dev/snapback/e2e/certs"
)

// restartDelay is how long a program is away that has ended by itself.
const restartDelay = 500 * time.Millisecond

// Stage is a cluster whose programs its owner kills, pauses and starts again, each
// by its name. One that ends by itself is started again, as the kubelet does:
// the sidecars end when their driver does. Snapback's processes are the owner's to
// start. All of them end with this process, however it ends.
type Stage struct {
	s       *supervisor
	options Options
	calls   chan func() // for the one thread that starts programs

	mu       sync.Mutex
	programs map[string]*program
	closed   bool
	ended    func(name, why string)
}

// program is a program of the stage, which has a process unless it is down.
type program struct {
	*process
	down bool
}

// NewStage builds what has changed and brings a cluster up. Ended is called when a
// program has ended that nobody has killed.
func NewStage(ctx context.Context, options Options, ended func(name, why string)) (*Stage, error) {
	options.Snapback = false
	s, err := newSupervisor(ctx, options)
	if err != nil {
		return nil, err
	}
	st := &Stage{s: s, options: options, calls: make(chan func()), programs: map[string]*program{}, ended: ended}
	go func() {
		// The kernel ends a program with the thread that started it.
		runtime.LockOSThread()
		for f := range st.calls {
			f()
		}
	}()
	st.onThread(func() {
		if options.EtcdDisk {
			err = s.mountEtcd()
		}
		if err == nil {
			err = s.up(ctx, options)
		}
	})
	if err != nil {
		s.stop()
		return nil, errors.Join(err, s.keepLogs(options.Logs), os.RemoveAll(s.dir))
	}
	for _, p := range s.processes {
		st.programs[p.name] = &program{process: p}
		go st.keep(p)
	}
	return st, nil
}

func (st *Stage) onThread(f func()) {
	done := make(chan struct{})
	st.calls <- func() { defer close(done); f() }
	<-done
}

// Start starts a program of the owner's, which is from then on one of the stage.
func (st *Stage) Start(name, binary string, args ...string) error {
	var p *process
	var err error
	st.onThread(func() { p, err = start(name, binary, st.s.logs(), args...) })
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		p.stop(0)
		return nil
	}
	st.programs[name] = &program{process: p}
	go st.keep(p)
	return nil
}

// keep starts a program again that ends by itself.
func (st *Stage) keep(p *process) {
	<-p.done
	if !st.mayStart(p) {
		return
	}
	st.ended(p.name, p.cmd.ProcessState.String())
	time.Sleep(restartDelay)
	if st.mayStart(p) {
		if err := st.Start(p.name, p.cmd.Path, p.cmd.Args[1:]...); err != nil {
			st.ended(p.name, err.Error())
		}
	}
}

// mayStart reports whether the process is the last one of its program, which should
// be up.
func (st *Stage) mayStart(p *process) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	last := st.programs[p.name]
	return !st.closed && !last.down && last.process == p
}

// Programs are the names of all programs.
func (st *Stage) Programs() []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	var names []string
	for name := range st.programs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Kill ends a program at once. It stays away until Revive.
func (st *Stage) Kill(name string) error {
	p, err := st.program(name, true)
	if err != nil {
		return err
	}
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
	return nil
}

// End ends a program as the kubelet does: it is told to, and killed after a grace. It
// stays away until Revive.
func (st *Stage) End(name string, grace time.Duration) error {
	p, err := st.program(name, true)
	if err != nil {
		return err
	}
	p.stop(grace)
	return nil
}

// Revive starts a program again that was killed or ended.
func (st *Stage) Revive(name string) error {
	st.mu.Lock()
	p, ok := st.programs[name]
	if !ok || !p.down {
		st.mu.Unlock()
		return nil
	}
	p.down = false
	st.mu.Unlock()
	return st.Start(name, p.cmd.Path, p.cmd.Args[1:]...)
}

// Pause stops a program where it is; it goes on with Resume.
func (st *Stage) Pause(name string) error { return st.signal(name, syscall.SIGSTOP) }

// Resume lets a paused program go on.
func (st *Stage) Resume(name string) error { return st.signal(name, syscall.SIGCONT) }

func (st *Stage) signal(name string, s syscall.Signal) error {
	p, err := st.program(name, false)
	if err != nil {
		return err
	}
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to %s: %w", s, name, err)
	}
	return nil
}

func (st *Stage) program(name string, down bool) (*program, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	p, ok := st.programs[name]
	if !ok {
		return nil, fmt.Errorf("the stage has no program %q", name)
	}
	p.down = p.down || down
	return p, nil
}

// Close ends everything, keeps the logs if the options say where, and leaves nothing
// else behind.
func (st *Stage) Close() error {
	st.mu.Lock()
	st.closed = true
	programs := st.programs
	st.mu.Unlock()
	if driver, ok := programs[partDriver]; ok {
		_ = driver.cmd.Process.Signal(syscall.SIGCONT) // it may be gone
		driver.stop(5 * time.Second)                   // it may have stopped a writer for a snapshot
	}
	for _, p := range programs {
		p.stop(0)
	}
	return errors.Join(st.s.keepLogs(st.options.Logs), os.RemoveAll(st.s.dir))
}

// Config is an administrator's, of the apiserver itself.
func (st *Stage) Config() *rest.Config { return rest.CopyConfig(st.s.admin) }

// AccountConfig is the config of the ServiceAccount that the manifests install.
func (st *Stage) AccountConfig(ctx context.Context) (*rest.Config, error) {
	return accountConfig(ctx, st.s.admin, st.s.ca.PEM, Account)
}

// Authority signs the certificates that the cluster trusts.
func (st *Stage) Authority() *certs.Authority { return st.s.ca }

// Dir is the folder of all that the cluster has.
func (st *Stage) Dir() string { return st.s.dir }

// VolumeFolder is the folder that is the volume with this handle.
func (st *Stage) VolumeFolder(handle string) string {
	return filepath.Join(st.options.storage(st.s.dir), "volumes", handle)
}

// StorageFaults is the folder whose files are faults of the CSI driver.
func (st *Stage) StorageFaults() string {
	return filepath.Join(st.options.storage(st.s.dir), "faults")
}

// ClockFile is the file that says by how much the clock of a program of Snapback's is
// wrong.
func (st *Stage) ClockFile(name string) string { return clockFile(st.s.logs(), name) }

// Etcd is the URL of etcd.
func (st *Stage) Etcd() string { return "http://" + loopback(st.s.net.etcdClient) }

// WebhookAddress is where the apiserver expects the webhook, and WebhookCerts the
// folder of its certificate.
func (st *Stage) WebhookAddress() string { return fmt.Sprintf("%s:%d", st.s.net.webhook, webhookPort) }

// WebhookCerts is the folder of the certificate that the apiserver expects there.
func (st *Stage) WebhookCerts() string { return st.s.file("webhook") }

// RenewWebhook puts a new certificate there, which is valid until a time.
func (st *Stage) RenewWebhook(until time.Time) error {
	pair, err := st.s.ca.SignUntil(until, webhookSubject, []string{webhookName}, nil)
	if err != nil {
		return err
	}
	return pair.Write(st.WebhookCerts())
}
