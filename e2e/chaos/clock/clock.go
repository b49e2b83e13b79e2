// Package clock has a clock that goes wrong while a process runs. Only a Snapback that is
// built for chaos runs, with the build tag chaos, has it.
package clock

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
)

// Variable is the environment variable with the file that says by how much the clock is
// wrong, such as -5m.
const Variable = "SNAPBACK_CHAOS_CLOCK"

// lookEvery is how often a clock looks by how much it is wrong.
const lookEvery = 100 * time.Millisecond

// wrong is a clock that somebody moves. Its timers are right, as those of a machine are
// whose time is set.
type wrong struct {
	clockwork.Clock
	file string

	mu     sync.Mutex
	looked time.Time
	by     time.Duration
}

// Wrong returns a clock that is as wrong as the file says, given one that is right.
func Wrong(right clockwork.Clock, file string) clockwork.Clock {
	return &wrong{Clock: right, file: file}
}

func (c *wrong) Now() time.Time {
	now := c.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.looked) >= lookEvery {
		c.looked = now
		if by := read(c.file); by != c.by {
			fmt.Fprintf(os.Stderr, "the clock is wrong by %s from now on\n", by)
			c.by = by
		}
	}
	return now.Round(0).Add(c.by) // without the monotonic reading, which never jumps
}

func (c *wrong) Since(t time.Time) time.Duration { return c.Now().Sub(t) }
func (c *wrong) Until(t time.Time) time.Duration { return t.Sub(c.Now()) }

// read returns by how much a clock is wrong. Without a file it is right.
func read(file string) time.Duration {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	by, err := time.ParseDuration(strings.TrimSpace(string(content)))
	if err != nil {
		return 0 // it is being written
	}
	return by
}
