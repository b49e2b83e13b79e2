package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
)

// proxy passes connections on to the backends in turn, as a Service does, or
// what balances the load of several apiservers. One that refuses a connection is
// left out from then on.
type proxy struct {
	listener net.Listener
	mu       sync.Mutex
	backends []string
	next     int
	open     map[net.Conn]bool
	wait     sync.WaitGroup
}

func startProxy(address string) (*proxy, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	p := &proxy{listener: listener, open: map[net.Conn]bool{}}
	p.wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it is closed
			}
			p.wait.Go(func() { p.pass(conn) })
		}
	})
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// to sets the backends of later connections.
func (p *proxy) to(backends ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backends = backends
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close() // the other side may have closed it
	}
}

// close ends the proxy with all its connections.
func (p *proxy) close() error {
	p.to()
	err := p.listener.Close()
	p.cut()
	p.wait.Wait()
	return err
}

// pass carries one connection until either side ends it.
func (p *proxy) pass(conn net.Conn) {
	defer p.drop(conn)
	backend, err := p.dial()
	if err != nil {
		return
	}
	defer p.drop(backend)
	p.mu.Lock()
	p.open[conn], p.open[backend] = true, true
	p.mu.Unlock()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{conn, backend}, {backend, conn}} {
		p.wait.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // its end is an error as often as not
			done <- struct{}{}
		})
	}
	<-done
}

func (p *proxy) drop(conn net.Conn) {
	p.mu.Lock()
	delete(p.open, conn)
	p.mu.Unlock()
	_ = conn.Close() // the other side may have closed it
}

// dial connects to the next backend that takes the connection.
func (p *proxy) dial() (net.Conn, error) {
	for {
		p.mu.Lock()
		if len(p.backends) == 0 {
			p.mu.Unlock()
			return nil, errors.New("no backend is left")
		}
		backend := p.backends[p.next%len(p.backends)]
		p.next++
		p.mu.Unlock()
		conn, err := net.Dial("tcp", backend)
		if err == nil {
			return conn, nil
		}
		p.mu.Lock()
		p.backends = slices.DeleteFunc(slices.Clone(p.backends), func(b string) bool { return b == backend })
		p.mu.Unlock()
	}
}
