package main_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/ports"
)

// gate stands before an apiserver: closed, it cuts all connections.
type gate struct {
	target string

	mu    sync.Mutex
	open  bool
	conns []net.Conn
}

// newGate returns a closed gate, and the config of who goes through it.
func newGate(t *testing.T, config *rest.Config) (*gate, *rest.Config) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{target: strings.TrimPrefix(config.Host, "https://")}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go g.pass(conn)
		}
	}()
	t.Cleanup(func() {
		g.set(false)
		_ = listener.Close()
	})
	config = rest.CopyConfig(config)
	config.Host = "https://" + listener.Addr().String()
	return g, config
}

func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
	for _, c := range g.conns {
		if !open {
			_ = c.Close()
		}
	}
}

func (g *gate) pass(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the gate may have closed it
	g.mu.Lock()
	if !g.open {
		g.mu.Unlock()
		return
	}
	g.conns = append(g.conns, conn)
	g.mu.Unlock()
	far, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer far.Close() //nolint:errcheck // nothing to do about it
	go func() {
		_, _ = io.Copy(far, conn)
		_ = far.Close()
	}()
	_, _ = io.Copy(conn, far)
}

// Processes that start while the apiserver is away wait for it: they are alive,
// and not ready.
func TestStartWithoutTheApiserver(t *testing.T) {
	t.Parallel()
	k := shared.Get(t)
	c := apiClient(t, k)
	g, config := newGate(t, k.Config)
	file := kubeconfig(t, config)
	listen := strings.Split(ports.Address(t), ":")
	w := run(t, "webhook", "--kubeconfig="+file, "--host="+listen[0], "--port="+listen[1], "--cert-dir="+k.Dir+"/webhook")
	s := run(t, "scheduler", "--kubeconfig="+file, "--namespace="+newNamespace(t, c, nil))
	for _, p := range []*process{w, s} {
		p.await("/healthz", true)
		p.await("/readyz", false)
	}
	eventually(t, func(context.Context) error { // long enough for each to have been refused
		for _, p := range []*process{w, s} {
			if !strings.Contains(p.said.String(), "EOF") {
				return errors.New("a process has not asked the apiserver yet")
			}
		}
		return nil
	})
	g.set(true)
	w.awaitReady()
	s.awaitReady()
}

// A scheduler whose apiserver goes away, and whose lease another one has taken,
// leads again later; both processes stay alive.
func TestApiserverGoesAway(t *testing.T) {
	t.Parallel()
	k := shared.Get(t)
	c := apiClient(t, k)
	g, config := newGate(t, k.Config)
	g.set(true)
	file := kubeconfig(t, config)
	listen := strings.Split(ports.Address(t), ":")
	w := run(t, "webhook", "--kubeconfig="+file, "--host="+listen[0], "--port="+listen[1], "--cert-dir="+k.Dir+"/webhook")
	key := client.ObjectKey{Namespace: newNamespace(t, c, nil), Name: "snapback-scheduler"}
	s := run(t, "scheduler", "--kubeconfig="+file, "--namespace="+key.Namespace)
	w.awaitReady()
	s.awaitReady()
	first := awaitHolder(t, c, key, "")
	g.set(false)
	takeOver(t, c, key)
	for _, p := range []*process{w, s} {
		p.await("/healthz", true)
	}
	g.set(true)
	if again := awaitHolder(t, c, key, "another"); again != first {
		t.Errorf("%s leads, and it was %s before", again, first)
	}
	for _, p := range []*process{w, s} {
		p.awaitReady()
		if !p.running() {
			t.Error("a process has ended")
		}
	}
	if !strings.Contains(s.said.String(), "Failed to renew lease") {
		t.Error("the lease was not lost")
	}
}

// takeOver has another scheduler hold the lease, which then dies.
func takeOver(t *testing.T, c client.Client, key client.ObjectKey) {
	t.Helper()
	var lease coordinationv1.Lease
	if err := c.Get(t.Context(), key, &lease); err != nil {
		t.Fatal(err)
	}
	taken := lease.DeepCopy()
	taken.Spec.HolderIdentity = ptr.To("another")
	taken.Spec.RenewTime = ptr.To(metav1.NewMicroTime(time.Now()))
	if err := c.Patch(t.Context(), taken, client.MergeFrom(&lease)); err != nil {
		t.Fatal(err)
	}
}

// awaitHolder waits until somebody else than the one given holds the lease.
func awaitHolder(t *testing.T, c client.Client, key client.ObjectKey, not string) (holder string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var lease coordinationv1.Lease
		if err := c.Get(ctx, key, &lease); err != nil {
			return err
		}
		holder = ptr.Deref(lease.Spec.HolderIdentity, "")
		if holder == "" || holder == not {
			return fmt.Errorf("%q holds the lease", holder)
		}
		return nil
	})
	return holder
}
