// Command bench measures what Snapback's webhook costs the creation of a claim,
// on a real apiserver: beside no webhook at all, and beside one that only
// allows; and what a run of its scheduler costs, beside a client that only
// creates as many snapshots. It asserts nothing, it prints.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// options are the flags.
type options struct {
	rounds           int
	handlerSnapshots int
	handlerReviews   int
	scheduler        bool
	cpuProfile       string
	only             string
	volumes          int
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 4, "blocks of each cell; a block is 50 dry-run creates one at a time, 100 eight at a time, 25 real ones of each")
	flag.IntVar(&o.handlerSnapshots, "handler-snapshots", 100_000, "snapshots that the handler which is measured alone knows; those beyond 10,000 are not on the apiserver")
	flag.IntVar(&o.handlerReviews, "handler-reviews", 2_000, "reviews of each handler that is measured alone")
	flag.BoolVar(&o.scheduler, "scheduler", false, "let the scheduler run too: it shares the cores, and looks at each real claim of Snapback's namespace alone")
	flag.StringVar(&o.cpuProfile, "cpuprofile", "", "file for a CPU profile of the handler alone")
	flag.StringVar(&o.only, "only", "", "webhook or scheduler: measure that alone")
	flag.IntVar(&o.volumes, "volumes", 1000, "volumes of a run of the scheduler")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.only != "scheduler" {
		if err := measureWebhook(ctx, o); err != nil {
			return err
		}
	}
	if o.only == "webhook" {
		return nil
	}
	return measureRuns(ctx, o)
}

func measureWebhook(ctx context.Context, o options) (err error) {
	start := time.Now()
	c, err := cluster.Start(ctx, cluster.Options{Snapback: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	b, err := newBench(ctx, c, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.local.close()) }()
	for _, count := range counts {
		if err := b.measure(ctx, count); err != nil {
			return err
		}
	}
	if err := b.handlerAlone(ctx, o); err != nil {
		return err
	}
	b.print(os.Stdout)
	fmt.Printf("\nTook %s.\n", time.Since(start).Round(time.Second))
	return nil
}

// progress reports how far the bench is, separately from its results.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }
