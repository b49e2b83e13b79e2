package apachekafka

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// proxy passes connections on to a broker's listener for its peers, and counts
// the bytes that they get from it.
type proxy struct {
	listener net.Listener
	target   string
	sent     atomic.Int64
	mu       sync.Mutex
	open     map[net.Conn]struct{}
}

func newProxy(target string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a broker's peers: %w", err)
	}
	p := &proxy{listener: listener, target: target, open: map[net.Conn]struct{}{}}
	go p.serve()
	return p, nil
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

func (p *proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		go p.pass(conn)
	}
}

func (p *proxy) pass(peer net.Conn) {
	broker, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = peer.Close() // as a broker that is down would
		return
	}
	p.keep(peer, broker)
	go func() {
		_, _ = io.Copy(broker, peer) // either end may go at any time
		_, _ = broker.Close(), peer.Close()
	}()
	_, _ = io.Copy(counted{peer, &p.sent}, broker)
	_, _ = broker.Close(), peer.Close()
	p.forget(peer, broker)
}

func (p *proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = struct{}{}
	}
}

func (p *proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.open, c)
	}
}

func (p *proxy) close() {
	_ = p.listener.Close() // nothing is lost with it
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close() // the same
	}
}

// counted hides ReadFrom, so that every byte passes Write.
type counted struct {
	io.Writer
	n *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.n.Add(int64(n))
	return n, err
}
