package proxy

import (
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// newLink makes a link to a server that answers with what it is told, and the faults
// that it is under.
func newLink(t *testing.T, network string) (*Link, *Faults) {
	t.Helper()
	address := func(name string) string {
		if network == "unix" {
			return filepath.Join(t.TempDir(), name)
		}
		return "127.0.0.1:0"
	}
	server, err := net.Listen(network, address("server"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c) //nolint:errcheck // the test sees what is missing
		}
	}()
	faults := &Faults{}
	l, err := NewLink("part to server", network, address("link"), server.Addr().String(), faults)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, faults
}

// says writes to a connection, and returns the error of reading the answer.
func says(t *testing.T, c net.Conn, words string) error {
	t.Helper()
	if _, err := io.WriteString(c, words); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, len(words)))
	return err
}

// TestLink has connections that pass, are cut, are slow, and are half open.
func TestLink(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		l, faults := newLink(t, network)
		connect := func() net.Conn {
			t.Helper()
			c, err := net.Dial(network, l.Address())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
		suffers := func(e Effect) (end func()) {
			return faults.Add(func(r Request) Effect {
				if r.Component != "part to server" {
					t.Errorf("component %q", r.Component)
				}
				return e
			})
		}
		open := connect()
		if err := says(t, open, "hello"); err != nil {
			t.Errorf("%s: %v", network, err)
		}
		end := suffers(Effect{Cut: true})
		if _, err := open.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: a connection was not cut", network)
		}
		if says(t, connect(), "hello") == nil {
			t.Errorf("%s: a new connection was not cut", network)
		}
		end()
		open = connect()
		end = suffers(Effect{Delay: time.Millisecond})
		if err := says(t, open, "slowly"); err != nil {
			t.Errorf("%s: %v", network, err)
		}
		end()
		end = suffers(Effect{Hang: true})
		answered := make(chan error)
		go func() { answered <- says(t, open, "hello?") }()
		select {
		case err := <-answered:
			t.Errorf("%s: half open, and %v came", network, err)
		case <-time.After(3 * poll):
		}
		end()
		if err := <-answered; err == nil {
			t.Errorf("%s: it went on after it was half open", network)
		}
		if err := says(t, connect(), "well again"); err != nil {
			t.Errorf("%s: %v", network, err)
		}
	}
}
