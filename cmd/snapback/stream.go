package main

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	maxStall = 100 * time.Millisecond // [stream.most] of the logs
	maxLines = 1000                   // that wait for whoever reads the log
)

// stream is stdout or stderr. A line is written before Write returns, unless nobody reads
// the log, such as a container runtime that is restarted: its pipe is soon full, and no claim
// may wait for that. What comes then waits in memory, and is dropped when that is full.
type stream struct {
	out     io.Writer
	most    time.Duration // that a line holds up who writes it
	lines   chan logLine
	stalled atomic.Bool
	dropped atomic.Int64
}

type logLine struct {
	text    []byte
	written chan struct{} // closed when it is
}

func newStream(out io.Writer, most time.Duration) *stream {
	s := &stream{out: out, most: most, lines: make(chan logLine, maxLines)}
	go s.write()
	return s
}

func (s *stream) write() {
	for l := range s.lines {
		_, _ = s.out.Write(l.text) // there is nowhere to tell
		s.stalled.Store(false)
		if n := s.dropped.Swap(0); n > 0 {
			go log.Log.Info("nobody has read the log for a while, and lines were dropped", "lines", n) // it may be this stream
		}
		close(l.written)
	}
}

// Write implements [io.Writer]. It never fails: who logs can do nothing about it.
func (s *stream) Write(text []byte) (int, error) {
	l := logLine{bytes.Clone(text), make(chan struct{})}
	select {
	case s.lines <- l:
		if !s.stalled.Load() {
			s.stalled.Store(!l.await(s.most))
		}
	default:
		s.dropped.Add(1)
	}
	return len(text), nil
}

// flush waits until all is written, but not for long.
func (s *stream) flush() {
	l := logLine{nil, make(chan struct{})}
	select {
	case s.lines <- l:
		l.await(s.most)
	default:
	}
}

// await reports whether the line is written within a time.
func (l logLine) await(atMost time.Duration) bool {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-l.written:
		return true
	case <-timer.C:
		return false
	}
}
