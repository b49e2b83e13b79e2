package forward

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/streaming/pkg/httpstream"
)

// lastWord is how long the other side may take to say why a connection has ended.
const lastWord = time.Second

// conn is a network connection over the streams of a forwarded port. No port is
// opened on this machine, where others could use it. The pipe gives it deadlines,
// which streams do not have.
type conn struct {
	net.Conn // this end of the pipe
	over     httpstream.Connection
	said     chan error // what the other side says of the port; closed without any
	close    sync.Once
}

func newConn(over httpstream.Connection, port int32) (net.Conn, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(int(port)))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	failures, err := over.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("open the stream of errors: %w", err)
	}
	if err := failures.Close(); err != nil { // nothing is written to it
		return nil, fmt.Errorf("open the stream of errors: %w", err)
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := over.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("open the stream of data: %w", err)
	}
	near, far := net.Pipe()
	c := &conn{Conn: near, over: over, said: make(chan error, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(c.said)
		if text, err := io.ReadAll(failures); err == nil && len(text) > 0 {
			c.said <- errors.New(string(text))
		}
	}()
	go func() {
		_, _ = io.Copy(far, data) // its end is the end of the connection
		_ = far.Close()
	}()
	go func() {
		_, _ = io.Copy(data, far)
		_ = data.Reset() // what was not sent would hold up the error
		select {
		case <-ended:
		case <-time.After(lastWord):
		}
		_ = over.Close()
	}()
	return c, nil
}

// Read returns what the broker has sent. At the end it returns the reason, if the
// other side has given one, such as that nothing listens on the port.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if said, ok := <-c.said; ok {
		return n, said
	}
	return n, err
}

// Close ends the connection, and the forwarding with it.
func (c *conn) Close() (err error) {
	c.close.Do(func() { err = errors.Join(c.Conn.Close(), c.over.Close()) })
	return err
}
