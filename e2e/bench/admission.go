package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// measureAdmission measures claims that are created one at a time and several at a
// time, and then the handler alone.
func measureAdmission(ctx context.Context, o options) (err error) {
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
	for _, count := range o.counts {
		name := fmt.Sprintf("%d snapshots", count)
		if err := inTurn(ctx, phase{name, func(ctx context.Context) error { return b.measure(ctx, count) }}); err != nil {
			return err
		}
		b.print(os.Stdout, count)
	}
	if err := inTurn(ctx, phase{"the handler alone", func(ctx context.Context) error { return b.handlerAlone(ctx, o) }}); err != nil {
		return err
	}
	b.printAlone(os.Stdout)
	b.printAims(os.Stdout)
	return nil
}
