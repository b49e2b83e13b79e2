// Command chaos runs Snapback among real processes under random operations and
// faults, records what happens, and decides from the record whether each invariant
// held. The same seed repeats the same operations and faults.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/e2e/apachekafka"
	"github.com/snapback-dev/snapback/e2e/chaos/faults"
	"github.com/snapback-dev/snapback/e2e/chaos/operations"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// options are what a run is asked for.
type options struct {
	seed     uint64
	duration time.Duration
	within   time.Duration
	dir      string
	only     string
	planOnly bool
	keep     bool
	snapback string
	plugin   string
	apache   bool
}

// String is the command that repeats the run, with all that decides what happens.
func (o options) String() string {
	flags := fmt.Sprintf("-within=%s", o.within)
	if o.only != "" {
		flags += " -only=" + o.only
	}
	if o.snapback != "" {
		flags += " -snapback=" + o.snapback
	}
	if o.plugin != "" {
		flags += " -plugin=" + o.plugin
	}
	if !o.apache {
		flags += " -apache=false"
	}
	return fmt.Sprintf("make chaos SEED=%d DURATION=%s CHAOS_FLAGS=%q", o.seed, o.duration, flags)
}

// errViolated is the error of a run that found something.
var errViolated = errors.New("an invariant did not hold")

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 0, "what the operations and faults are drawn from; 0: a new one")
	flag.DurationVar(&o.duration, "duration", 10*time.Minute, "how long there are operations and faults")
	flag.DurationVar(&o.within, "within", time.Minute, "how long after the last fault all must be well again")
	flag.StringVar(&o.dir, "dir", "_artifacts/chaos", "folder that a folder is made in for the record and the logs, and kept if something is wrong")
	flag.StringVar(&o.only, "only", "", "operations and faults to draw from, with commas between; default: all")
	flag.BoolVar(&o.planOnly, "plan", false, "print what would be done, and do nothing")
	flag.BoolVar(&o.keep, "keep", false, "keep the record and the logs also if nothing is wrong")
	flag.StringVar(&o.snapback, "snapback", "", "binary to run, such as one of an earlier commit; default: that of the tree")
	flag.StringVar(&o.plugin, "plugin", "", "kubectl snapback to run; default: that of the tree")
	flag.BoolVar(&o.apache, "apache", true, "have a cluster of Apache Kafka, where Java is found; without it the other steps of a seed are the same")
	check := flag.String("check", "", "a record to check again, in place of a run")
	flag.Parse()
	log.SetLogger(logr.Discard()) // the run says itself what there is to say
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := do(ctx, o, *check); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func do(ctx context.Context, o options, check string) error {
	layout := plan.Standard()
	if check != "" {
		return judge(check, layout)
	}
	if o.seed == 0 {
		o.seed = uint64(rand.Uint32())
	}
	install := o.findKafka(ctx)
	steps := plan.Make(o.seed, o.duration, layout, kinds(o, true), kinds(o, false))
	if !o.apache {
		layout, steps = layout.WithoutApache(steps)
	}
	fmt.Printf("%s\n%d clusters, %d operations and faults\n", o, len(layout.Clusters), len(steps))
	plan.Print(os.Stdout, steps)
	if o.planOnly {
		return nil
	}
	if err := cluster.BuildComponents(ctx, os.Stdout); err != nil {
		return err
	}
	dir := filepath.Join(o.dir, fmt.Sprintf("%d-%s", o.seed, time.Now().UTC().Format("20060102-150405")))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of the run: %w", err)
	}
	r := &run{options: o, layout: layout, steps: steps, dir: dir, install: install}
	err := errors.Join(r.play(ctx), judge(r.record(), plan.Standard()))
	if err == nil && !o.keep {
		return os.RemoveAll(dir)
	}
	if err == nil {
		fmt.Println("The record and the logs are in", dir)
		return nil
	}
	return fmt.Errorf("%w\nagain: %s\nthe record and the logs: %s\nthe checks again: bin/chaos -check %s", err, o, dir, r.record())
}

// findKafka finds Apache Kafka, or leaves it out and says why.
func (o *options) findKafka(ctx context.Context) *apachekafka.Install {
	if !o.apache || o.planOnly {
		return nil
	}
	install, err := apachekafka.Find(ctx)
	if err != nil {
		fmt.Println("The cluster of Apache Kafka is left out:", err)
		o.apache = false
	}
	return install
}

// kinds are the operations or the faults to draw from.
func kinds(o options, operation bool) []plan.Kind {
	var all []plan.Kind
	if operation {
		for _, k := range operations.All() {
			all = append(all, k.Kind)
		}
	} else {
		for _, k := range faults.All() {
			all = append(all, k.Kind)
		}
	}
	if o.only == "" {
		return all
	}
	var wanted []plan.Kind
	for _, k := range all {
		if strings.Contains(","+o.only+",", ","+k.Name+",") {
			wanted = append(wanted, k)
		}
	}
	return wanted
}
