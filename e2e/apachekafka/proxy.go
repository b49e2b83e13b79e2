package apachekafka

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// proxy passes connections on to a node's listener for brokers, counts the
// bytes that they get from it, and can keep requests back.
type proxy struct {
	listener net.Listener
	target   string
	sent     atomic.Int64
	mu       sync.Mutex
	open     map[net.Conn]struct{}
	held     map[int16]*hold // by Kafka's API key
}

// hold keeps a kind of request back.
type hold struct {
	opened   chan struct{} // closed: the requests may pass
	answered chan struct{} // closed: one has been answered without an error
	open     func()        // closes opened
	answer   func()        // closes answered
}

func newHold() *hold {
	h := &hold{opened: make(chan struct{}), answered: make(chan struct{})}
	h.open = sync.OnceFunc(func() { close(h.opened) })
	h.answer = sync.OnceFunc(func() { close(h.answered) })
	return h
}

func newProxy(target string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a broker's peers: %w", err)
	}
	p := &proxy{listener: listener, target: target, open: map[net.Conn]struct{}{}, held: map[int16]*hold{}}
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
	var last atomic.Int32 // the API key of the last request
	go func() {
		_ = p.requests(broker, peer, &last) // either end may go at any time
		_, _ = broker.Close(), peer.Close()
	}()
	_ = p.responses(peer, broker, &last)
	_, _ = broker.Close(), peer.Close()
	p.forget(peer, broker)
}

// requests passes requests on, one by one.
func (p *proxy) requests(to io.Writer, from io.Reader, last *atomic.Int32) error {
	in := bufio.NewReader(from)
	for {
		header, err := in.Peek(6) // the size of what follows it, and the API key
		if err != nil {
			return err
		}
		key := int16(binary.BigEndian.Uint16(header[4:]))
		if h := p.holding(key); h != nil {
			<-h.opened
		}
		last.Store(int32(key))
		if _, err := io.CopyN(to, in, 4+int64(binary.BigEndian.Uint32(header))); err != nil {
			return err
		}
	}
}

// responses passes responses on, one by one, and counts their bytes.
func (p *proxy) responses(to io.Writer, from io.Reader, last *atomic.Int32) error {
	in := bufio.NewReader(from)
	for {
		header, err := in.Peek(4) // the size of what follows it
		if err != nil {
			return err
		}
		size := 4 + int64(binary.BigEndian.Uint32(header))
		h, failed := p.holding(int16(last.Load())), false
		if h != nil {
			if failed, err = isError(in); err != nil {
				return err
			}
		}
		n, err := io.CopyN(to, in, size)
		p.sent.Add(n)
		if err != nil {
			return err
		}
		if h != nil && !failed {
			h.answer()
		}
	}
}

// isError reports whether the next response, of a kind that can be held, has an
// error code. A broker that has just started may use the epoch of its previous
// life, and tries again.
func isError(in *bufio.Reader) (bool, error) {
	const code = 4 + 4 + 1 + 4 // behind the size, the correlation id, no tags, and the throttle time
	start, err := in.Peek(code + 2)
	if err != nil {
		return false, err
	}
	return binary.BigEndian.Uint16(start[code:]) != 0, nil
}

// hold keeps requests back from now on, until the hold is opened.
func (p *proxy) hold(key kmsg.Key) *hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := newHold()
	p.held[key.Int16()] = h
	return h
}

func (p *proxy) holding(key int16) *hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held[key]
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
	for _, h := range p.held {
		h.open()
	}
}
