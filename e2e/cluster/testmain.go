package cluster

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
)

// Shared is a cluster that the tests of one package share. It starts with the
// first test that asks for it; TestMain must call Stop.
type Shared struct {
	Options Options

	once    sync.Once
	cluster *Cluster
	err     error
}

// Get returns the running cluster. "make unit" (go test -short) skips the test:
// it needs no component of the cluster.
func (s *Shared) Get(t testing.TB) *Cluster {
	t.Helper()
	NeedsComponents(t)
	s.once.Do(func() { s.cluster, s.err = Start(context.Background(), s.Options) })
	if s.err != nil {
		t.Fatalf("start the embedded cluster: %v", s.err)
	}
	return s.cluster
}

// NeedsComponents skips a test of "go test -short", which does without the
// components of the embedded cluster.
func NeedsComponents(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the components of the embedded cluster: run \"make test\"")
	}
}

// Stop takes the cluster down if it was started, and passes the exit code on:
// os.Exit(shared.Stop(m.Run())).
func (s *Shared) Stop(code int) int {
	if s.cluster == nil {
		return code
	}
	if err := s.cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}
