package main

import (
	"context"
	"errors"
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
		if err := b.measure(ctx, count); err != nil {
			return err
		}
	}
	if err := b.handlerAlone(ctx, o); err != nil {
		return err
	}
	b.print(os.Stdout)
	return nil
}
