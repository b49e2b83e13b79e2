// Command bench measures, on a real apiserver, what Snapback's webhook costs the
// creation of a claim, beside one that only allows, and what its scheduler costs,
// beside a client that only creates as many snapshots; and how both do with many
// objects, and in a bad night. It asserts nothing, it prints tables.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// options are the flags.
type options struct {
	only []part

	rounds           int
	counts           []int
	handlerSnapshots int
	handlerReviews   int
	scheduler        bool
	cpuProfile       string
	volumes          int

	snapshots int
	claims    int
	burst     int
	nights    int
	backups   int
	history   int
}

// part is one benchmark, with a cluster of its own.
type part struct {
	name, what string
	measure    func(context.Context, options) error
}

var parts = []part{
	{"admission", "a claim's creation, beside no webhook and one that only allows", measureAdmission},
	{"bad-night", "all claims of many clusters at once, while one of two replicas is killed", measureNight},
	{"process", "memory, start and watches of real processes with many objects", measureProcesses},
	{"backups", "many KafkaBackups that are due at the same moment, and looks at one with a long history", measureBackups},
	{"run", "a run of one KafkaBackup, beside a client that only creates as many snapshots", measureRuns},
}

// earlier are names that parts had.
var earlier = map[string]string{"webhook": "admission", "scheduler": "run"}

// init keeps the main goroutine on the main thread: see startProgram.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) == 4 && os.Args[1] == allowCommand {
		exit(serveAllow(os.Args[2], os.Args[3]))
	}
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parse(args []string) (options, error) {
	var o options
	var only, counts string
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	f.StringVar(&only, "only", "", "parts to measure, with commas between; default: all\n"+partsHelp())
	f.IntVar(&o.rounds, "rounds", 4, "admission: blocks of each cell; a block is 50 dry-run creates one at a time, 100 eight at a time, 160 at 32, and 25 or 50 real ones of each. run: turns")
	f.StringVar(&counts, "counts", "100,1000,10000", "admission: numbers of snapshots to measure with, with commas between")
	f.IntVar(&o.handlerSnapshots, "handler-snapshots", 100_000, "admission: snapshots that the handler which is measured alone knows; those beyond the last of -counts are not on the apiserver")
	f.IntVar(&o.handlerReviews, "handler-reviews", 2_000, "admission: reviews of each handler that is measured alone")
	f.BoolVar(&o.scheduler, "scheduler", false, "admission: let the scheduler run too: it shares the cores, and looks at each real claim of Snapback's namespace alone")
	f.StringVar(&o.cpuProfile, "cpuprofile", "", "admission: file for a CPU profile of the handler alone")
	f.IntVar(&o.volumes, "volumes", 1000, "run: volumes of the run")
	f.IntVar(&o.snapshots, "snapshots", 100_000, "bad-night, process, backups: snapshots that are there")
	f.IntVar(&o.burst, "burst", 1000, "bad-night: claims that are created at once, of 40 clusters")
	f.IntVar(&o.nights, "nights", 2, "bad-night: nights of each side")
	f.IntVar(&o.claims, "claims", 10_000, "process: bound claims that are there, of 40 clusters")
	f.IntVar(&o.backups, "backups", 1000, "backups: KafkaBackups, of 10 volumes each")
	f.IntVar(&o.history, "history", 10_000, "backups: snapshots of the KafkaBackup with a long history, of 100 volumes")
	f.Parse(args) //nolint:errcheck // it exits
	if f.NArg() > 0 {
		return o, fmt.Errorf("no arguments expected beside the flags: %q", f.Args())
	}
	if err := positive(f); err != nil {
		return o, err
	}
	for _, count := range strings.Split(counts, ",") {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-counts: %q is no number of snapshots", count)
		}
		o.counts = append(o.counts, n)
	}
	slices.Sort(o.counts)
	var err error
	o.only, err = chosen(only)
	return o, err
}

// positive returns an error if one of the numbers is less than 1: nothing would be measured.
func positive(f *flag.FlagSet) (err error) {
	f.VisitAll(func(f *flag.Flag) {
		if n, ok := f.Value.(flag.Getter).Get().(int); ok && n < 1 {
			err = fmt.Errorf("-%s=%d: give a number of at least 1", f.Name, n)
		}
	})
	return err
}

// chosen are the parts of a list, in the order of the parts.
func chosen(list string) ([]part, error) {
	if list == "" {
		return parts, nil
	}
	wanted := map[string]bool{}
	for _, name := range strings.Split(list, ",") {
		if now, ok := earlier[name]; ok {
			name = now
		}
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return nil, fmt.Errorf("-only: there is no part %q; the parts are:\n%s", name, partsHelp())
		}
		wanted[name] = true
	}
	return slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return !wanted[p.name] }), nil
}

func partsHelp() string {
	var lines []string
	for _, p := range parts {
		line := fmt.Sprintf("%-10s %s", p.name, p.what)
		for was, now := range earlier {
			if now == p.name {
				line += fmt.Sprintf(" (formerly %s)", was)
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func run(ctx context.Context, o options) error {
	log.SetLogger(zap.New(zap.WriteTo(io.Discard))) // what is logged is made all the same
	for _, p := range o.only {
		start := time.Now()
		disturbances, durations, began = nil, nil, start
		fmt.Printf("# %s\n\n", p.name)
		if err := p.measure(ctx, o); err != nil {
			printEnd(os.Stdout, time.Since(start))
			return fmt.Errorf("%s: %w", p.name, err)
		}
		printEnd(os.Stdout, time.Since(start))
	}
	return nil
}

// load is the machine's load average of the last minute.
func load() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(content), " ")
	return one
}

// printEnd says how long a part took, and what disturbed it.
func printEnd(w io.Writer, took time.Duration) {
	fmt.Fprintf(w, "\nTook %s; load %s at its end.", took.Round(time.Second), load())
	if len(durations) > 0 {
		fmt.Fprintf(w, " Of that: %s.", strings.Join(durations, ", "))
	}
	fmt.Fprintln(w)
	for _, said := range disturbances {
		fmt.Fprintf(w, "\nDisturbed: %s.\n", said)
	}
	fmt.Fprintln(w)
}

// began is when the part began that is being measured.
var began = time.Now()

// progress reports how far the bench is, separately from its results.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: %4.0fs "+format+"\n", append([]any{time.Since(began).Seconds()}, args...)...)
}
