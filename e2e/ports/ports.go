// Package ports finds ports for servers that are started later, or again.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Servers get ports below those that Linux gives to whoever connects to something (from
// 32768): one of these could be taken by a connection while its server is down.
const (
	first = 10_000
	last  = 29_999
	tries = 200
)

var (
	mu    sync.Mutex
	given = map[int]bool{} // to others of this process, which may not listen yet
)

// Port returns a port of 127.0.0.1 that nothing listens on. None is returned twice.
func Port() (int, error) {
	mu.Lock()
	defer mu.Unlock()
	why := errors.New("all that were tried are given")
	for range tries {
		port := first + rand.IntN(last-first+1)
		if given[port] {
			continue
		}
		listener, err := net.Listen("tcp", address(port))
		if err == nil {
			err = listener.Close()
		}
		if err == nil {
			given[port] = true
			return port, nil
		}
		why = err
	}
	return 0, fmt.Errorf("find a free port from %d to %d: %w", first, last, why)
}

// Assign gives each server a port of its own.
func Assign(servers ...*int) (err error) {
	for _, server := range servers {
		if *server, err = Port(); err != nil {
			return err
		}
	}
	return nil
}

// Address returns a host:port that nothing listens on.
func Address(t testing.TB) string {
	t.Helper()
	port, err := Port()
	if err != nil {
		t.Fatal(err)
	}
	return address(port)
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
