package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Link stands between a part and a server, and passes bytes on. Faults see it as a
// component of its name.
type Link struct {
	request  Request
	faults   *Faults
	listener net.Listener
	network  string
	target   string
	ctx      context.Context
	end      context.CancelFunc
	work     sync.WaitGroup
}

// NewLink listens on an address for a server at another one. Both are of the network
// tcp or unix.
func NewLink(name, network, address, target string, faults *Faults) (*Link, error) {
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("link of %s: %w", name, err)
	}
	l := &Link{request: Request{Component: name}, faults: faults, listener: listener, network: network, target: target}
	l.ctx, l.end = context.WithCancel(context.Background())
	l.work.Go(l.accept)
	return l, nil
}

// Address is where the part finds the server.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Close ends the link with its connections.
func (l *Link) Close() error {
	l.end()
	err := l.listener.Close()
	l.work.Wait()
	return err
}

func (l *Link) accept() {
	for {
		part, err := l.listener.Accept()
		if err != nil {
			return // it is closed
		}
		l.work.Go(func() { l.connect(part) })
	}
}

// connect passes on what comes on a connection, in both directions, until either side
// or a fault ends it.
func (l *Link) connect(part net.Conn) {
	defer part.Close() //nolint:errcheck // nothing can be done
	ctx, end := context.WithCancel(l.ctx)
	defer end()
	if l.faults.ask(l.request).Cut {
		return
	}
	server, err := (&net.Dialer{}).DialContext(ctx, l.network, l.target)
	if err != nil {
		return // the server is away: so is the link
	}
	defer l.faults.begin(l.request, end)()
	var both sync.WaitGroup
	both.Go(func() { defer end(); l.pass(ctx, server, part) })
	both.Go(func() { defer end(); l.pass(ctx, part, server) })
	<-ctx.Done()
	_ = errors.Join(part.Close(), server.Close()) // it ends the readers
	both.Wait()
}

func (l *Link) pass(ctx context.Context, to, from net.Conn) {
	buffer := make([]byte, 64<<10)
	open := l.request
	open.Open = true
	for {
		n, err := from.Read(buffer)
		if err != nil || !l.suffer(ctx, open) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// suffer does what a fault does to bytes under way, and reports whether they go on.
func (l *Link) suffer(ctx context.Context, r Request) bool {
	e := l.faults.ask(r)
	for l.faults.ask(r).Hang {
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return false
		}
	}
	if e.Delay > 0 {
		select {
		case <-time.After(e.Delay):
		case <-ctx.Done():
			return false
		}
	}
	return !e.Cut && !e.Hang
}
