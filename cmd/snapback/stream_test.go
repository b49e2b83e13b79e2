package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// TestStreamOfASlowReader has a log that nobody reads for a while: nobody waits for that,
// and when it is read again it has what could be kept, in order.
func TestStreamOfASlowReader(t *testing.T) {
	t.Parallel()
	read, out := io.Pipe()
	defer func() { _ = read.Close() }()
	s := newStream(out, time.Millisecond)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i := range 3 * maxLines {
			if n, err := fmt.Fprintln(s, i); n == 0 || err != nil {
				t.Error(n, err)
			}
		}
	}()
	select {
	case <-written:
	case <-time.After(time.Minute): // it would wait for ever
		t.Fatal("a reader that does not read holds up who writes")
	}
	if !s.stalled.Load() || s.dropped.Load() < maxLines {
		t.Errorf("stalled %t, %d dropped", s.stalled.Load(), s.dropped.Load())
	}
	lines := bufio.NewScanner(read)
	for i := range maxLines {
		if !lines.Scan() || lines.Text() != fmt.Sprint(i) {
			t.Fatalf("line %d is %q", i, lines.Text())
		}
	}
}

// TestStreamWritesAtOnce has a log that is read: each line is there when Write returns, so
// that a process which is killed then has told what it did.
func TestStreamWritesAtOnce(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := newStream(&out, time.Minute)
	text := []byte("a\n")
	if _, err := s.Write(text); err != nil || out.String() != "a\n" {
		t.Fatalf("%q, %v", out.String(), err)
	}
	text[0] = 'b' // who logs uses it again
	s.flush()
	if out.String() != "a\n" || s.stalled.Load() {
		t.Errorf("%q, stalled %t", out.String(), s.stalled.Load())
	}
}
