// Package ports finds ports for servers that are started later, or again.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
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

// Free returns so many ports of 127.0.0.1 that nothing listens on. None is returned twice.
func Free(n int) ([]int, error) {
	mu.Lock()
	defer mu.Unlock()
	var found []int
	var err error
	for range n * tries {
		if len(found) == n {
			break
		}
		port := first + rand.IntN(last-first+1)
		if given[port] {
			continue
		}
		var listener net.Listener
		if listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
			continue
		}
		if err = listener.Close(); err != nil {
			continue
		}
		given[port] = true
		found = append(found, port)
	}
	if len(found) < n {
		return nil, fmt.Errorf("find %d free ports from %d to %d: %w", n, first, last, err)
	}
	return found, nil
}

// Address returns a host:port that nothing listens on.
func Address() (string, error) {
	found, err := Free(1)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", found[0]), nil
}
