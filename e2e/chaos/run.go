package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/snapback-dev/snapback/e2e/apachekafka"
	"github.com/snapback-dev/snapback/e2e/chaos/faults"
	"github.com/snapback-dev/snapback/e2e/chaos/liveness"
	"github.com/snapback-dev/snapback/e2e/chaos/operations"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

const (
	operationLimit = time.Minute
	startLimit     = 6 * time.Minute
)

// run is one run of a seed.
type run struct {
	options
	layout plan.Layout
	steps  []plan.Step
	dir    string

	install *apachekafka.Install // nil: Apache Kafka is left out

	world  *world.World
	before map[string]world.Process // Snapback's, before any fault
	log    *record.Log
	work   sync.WaitGroup // operations and faults under way
}

func (r *run) record() string { return filepath.Join(r.dir, "record.jsonl") }

// play brings the world up, does what is planned, and waits until all is well.
func (r *run) play(ctx context.Context) (err error) {
	if r.log, err = record.Create(r.record()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.log.Close()) }()
	r.log.Add(record.Record{Start: &record.Start{Seed: r.seed, Duration: r.duration.String(), Options: r.String()}})
	if r.world, err = world.New(ctx, r.layout, world.Options{Snapback: r.snapback, Plugin: r.plugin, Logs: r.dir, Kafka: r.install}, r.log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.world.Close(), leftovers()) }()
	if err := liveness.Wait(ctx, r.world, startLimit, time.Time{}, nil); err != nil {
		return fmt.Errorf("the clusters did not come up before any fault: %w", err)
	}
	if r.before, err = r.world.Processes(ctx); err != nil {
		return err
	}
	fmt.Println("All is well; operations and faults begin.")
	r.phase("safety", false, nil)
	if err := r.carryOut(ctx); err != nil {
		return err
	}
	r.phase("safety", true, nil)
	return r.recover(ctx)
}

// carryOut does each step at its time, and returns when all of them are over.
func (r *run) carryOut(ctx context.Context) error {
	begin := time.Now()
	for _, s := range r.steps {
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(begin.Add(s.At))):
		}
		if ctx.Err() != nil {
			break
		}
		if s.Fault {
			r.work.Go(func() { r.fault(ctx, s) })
		} else {
			r.work.Go(func() { r.operation(ctx, s) })
		}
	}
	r.work.Wait()
	return ctx.Err()
}

func (r *run) operation(ctx context.Context, s plan.Step) {
	for _, o := range operations.All() {
		if o.Name == s.Name {
			ctx, cancel := context.WithTimeout(ctx, max(operationLimit, min(o.Limit, r.duration-s.At)))
			defer cancel()
			r.tell(s, false, nil)
			r.tell(s, true, o.Do(ctx, r.world, s.Args))
		}
	}
}

func (r *run) fault(ctx context.Context, s plan.Step) {
	for _, f := range faults.All() {
		if f.Name != s.Name {
			continue
		}
		r.tell(s, false, nil)
		end, err := f.Begin(ctx, r.world, s.Args)
		select {
		case <-ctx.Done():
		case <-time.After(s.For):
		}
		if end != nil {
			err = errors.Join(err, end())
		}
		r.tell(s, true, err)
	}
}

// recover starts everything again and waits until all is well.
func (r *run) recover(ctx context.Context) error {
	r.phase("liveness", false, nil)
	quiet := time.Now()
	for _, name := range r.world.Stage.Programs() {
		if err := errors.Join(r.world.Stage.Resume(name), r.world.Stage.Revive(name)); err != nil {
			return err
		}
	}
	if err := cluster.Eventually(ctx, r.within, r.world.Settle); err != nil {
		return fmt.Errorf("put right what people have left: %w", err)
	}
	err := liveness.Wait(ctx, r.world, r.within, quiet, r.before)
	r.phase("liveness", true, err) // a check finds an error in the record
	if err == nil {
		fmt.Printf("All is well again after %s.\n", time.Since(quiet).Round(time.Second))
		return r.world.Kafka.Read(ctx)
	}
	return nil
}

// leftovers is an error if a process of the run still runs.
func leftovers() error {
	if left := world.Children(); len(left) > 0 {
		return fmt.Errorf("%w: processes are left: %s", errViolated, strings.Join(left, ", "))
	}
	return nil
}

func (r *run) phase(name string, end bool, err error) {
	step := &record.Step{Kind: "phase", Name: name, End: end}
	if err != nil {
		step.Error = err.Error()
	}
	r.log.Add(record.Record{Step: step})
}

func (r *run) tell(s plan.Step, end bool, err error) {
	step := &record.Step{Kind: "operation", Name: s.Name, Args: s.Args, End: end}
	if s.Fault {
		step.Kind = "fault"
	}
	if err != nil {
		step.Error = err.Error()
	}
	r.log.Add(record.Record{Step: step})
}
