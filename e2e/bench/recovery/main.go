// Command recovery measures how long a broker of Apache Kafka takes to be in sync
// again after its volume is lost: restored from a snapshot, and empty. The embedded
// cluster has the real webhook, scheduler and CSI sidecars, and a driver that
// copies files. It fails if a record is missing in the end.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/e2e/apachekafka"
)

// options are the flags.
type options struct {
	sizes      sizes
	percent    float64
	partitions int
	segment    int64
	keepFree   float64
	config     config
}

func main() {
	o := options{sizes: sizes{1, 4, 16}, config: config{}}
	flag.Var(&o.sizes, "sizes", "GB of a broker, one after the other")
	flag.Float64Var(&o.percent, "percent", 1, "of the size: what is written between the snapshot and the loss")
	flag.IntVar(&o.partitions, "partitions", 8, "partitions that the data is in")
	flag.Int64Var(&o.segment, "segment", 128, "MiB of a segment (segment.bytes)")
	flag.Float64Var(&o.keepFree, "keep-free", 6, "GB of the disk that stay free; sizes that do not fit are left out")
	flag.Var(o.config, "config", "settings of the brokers, key=value,...; for example num.replica.fetchers=4")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetLogger(logr.Discard())
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "recovery:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	install, err := apachekafka.Find(ctx)
	if err != nil {
		return err
	}
	m, err := thisMachine()
	if err != nil {
		return err
	}
	fitting, leftOut := fit(o.sizes, o.percent, m.free, o.keepFree)
	for _, why := range leftOut {
		progress("%s", why)
	}
	var results []result
	var failed error
	for _, size := range fitting {
		two, err := measure(ctx, install, o, size)
		if err != nil {
			failed = fmt.Errorf("%g GB: %w", size, err)
			break // what has been measured before is worth printing
		}
		results = append(results, two...)
	}
	fmt.Printf("Apache Kafka %s; %s\n%d partitions, segments of %d MiB, %g %% written since the snapshot%s\n",
		apachekafka.Version, m, o.partitions, o.segment, o.percent, o.config.also())
	for _, why := range leftOut {
		fmt.Println(why)
	}
	fmt.Println()
	printTable(os.Stdout, results)
	return failed
}

// progress reports how far the benchmark is, separately from its results.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "recovery: "+format+"\n", args...) }
