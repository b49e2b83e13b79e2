package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

const (
	quietFor   = 2 * time.Second // without work: what is left comes seldom
	quietLimit = time.Minute     // a machine that other work keeps busy does not become quiet
	quietShare = 0.15            // of one core
)

// disturbances are what was not as it should be while the part was measured.
var disturbances []string

// disturbed reports a disturbance at once, and again below the part's tables.
func disturbed(format string, args ...any) {
	said := fmt.Sprintf(format, args...)
	disturbances = append(disturbances, said)
	progress("%s; going on", said)
}

// quiet waits until all programs of the cluster together are idle, or a minute.
func quiet(ctx context.Context, c *cluster.Cluster) error {
	return idle(ctx, "the cluster", func() (usage, error) { return clusterCPU(c) })
}

// idle waits until some programs use almost no CPU time. It goes on after a minute, and
// says so: figures of a busy machine are better than none.
func idle(ctx context.Context, who string, used func() (usage, error)) error {
	start, since := time.Now(), time.Now()
	last, err := used()
	if err != nil {
		return err
	}
	for time.Since(since) < quietFor {
		if err := pass(ctx, 500*time.Millisecond); err != nil {
			return err
		}
		now, err := used()
		if err != nil {
			return err
		}
		took := now.since(last)
		if time.Since(start) > quietLimit {
			disturbed("%s was still busy after %s (%s; load %s)", who, quietLimit, took, load())
			return nil
		}
		if took.cores() > quietShare {
			since = time.Now()
		}
		last = now
	}
	if took := time.Since(start); took > 10*time.Second {
		progress("%s was quiet after %s", who, took.Round(time.Second))
	}
	return nil
}

// usage is the CPU time of programs, by name.
type usage struct {
	at  time.Time
	cpu map[string]time.Duration
}

// since returns the parts of a core that were used since an earlier usage.
func (u usage) since(before usage) shares {
	s := shares{}
	for name, used := range u.cpu {
		s[name] = float64(used-before.cpu[name]) / float64(u.at.Sub(before.at))
	}
	return s
}

// shares are parts of a core, by the name of the program that uses them.
type shares map[string]float64

func (s shares) cores() (sum float64) {
	for _, share := range s {
		sum += share
	}
	return sum
}

func (s shares) String() string {
	var said []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if s[name] >= 0.01 {
			said = append(said, fmt.Sprintf("%s %.2f cores", name, s[name]))
		}
	}
	return strings.Join(said, ", ")
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
