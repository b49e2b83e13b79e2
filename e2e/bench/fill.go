package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// Every 10,000 snapshots are of 100 volumes of their own, 100 of each: one run
// after another, the newest first, so that what is restored stays the same.
const (
	volumes  = 100
	perGroup = 10_000
)

// shape is how an operator makes its claims.
type shape struct {
	name  string // of the shape, and of the Kafka cluster
	claim func(node int) *snapshotstest.Claim
}

// shapes share the volumes out among them.
var shapes = []shape{
	{"strimzi", func(node int) *snapshotstest.Claim { return snapshotstest.StrimziClaim("strimzi", "broker", node, 0) }},
	{"koperator", func(node int) *snapshotstest.Claim {
		return snapshotstest.KoperatorClaim("koperator", node, "/kafka-logs")
	}},
}

func (s shape) backup() *snapshotstest.Backup {
	return snapshotstest.NewBackup(s.name, s.name, cluster.SnapshotClass).In(ours.namespace)
}

// snapshot is the i-th of all snapshots.
func (b *bench) snapshot(i int) *snapshotstest.Snapshot {
	volume := i/perGroup*volumes + i%volumes
	run := i % perGroup / volumes
	s := shapes[volume%len(shapes)]
	claim := s.claim(volume / len(shapes)).In(ours.namespace).Class(className)
	return snapshotstest.NewSnapshot(claim, s.backup(), cluster.DriverName, b.started.Add(-time.Duration(run)*time.Hour)).Ready()
}

// fill creates snapshots until there are so many, and waits until the cluster
// has nothing to do any more.
func (b *bench) fill(ctx context.Context, count int) error {
	if count <= b.filled {
		return nil
	}
	start := time.Now()
	err := parallel(count-b.filled, 32, func(i int) error { return b.createSnapshot(ctx, b.filled+i) })
	if err != nil {
		return err
	}
	b.filled = count
	took := time.Since(start)
	if err := b.quiet(ctx); err != nil {
		return err
	}
	progress("%d snapshots are there (created in %s, quiet after %s)", count, took.Round(time.Second), time.Since(start).Round(time.Second))
	return nil
}

func (b *bench) createSnapshot(ctx context.Context, i int) error {
	vs := b.snapshot(i).Obj()
	status := vs.Status
	vs.UID = ""
	if err := b.client.Create(ctx, vs); err != nil {
		return fmt.Errorf("create snapshot %d: %w", i, err)
	}
	vs.Status = status
	if err := b.client.Status().Update(ctx, vs); err != nil {
		return fmt.Errorf("set the status of snapshot %d: %w", i, err)
	}
	return nil
}

// quiet waits until all programs of the cluster together are idle.
func (b *bench) quiet(ctx context.Context) error {
	for range 120 {
		before, err := b.clusterCPU()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		after, err := b.clusterCPU()
		if err != nil {
			return err
		}
		if after-before < 150*time.Millisecond {
			return nil
		}
	}
	return errors.New("the cluster is still busy after two minutes")
}

// parallel calls do for 0 to n-1, from so many workers.
func parallel(n, workers int, do func(i int) error) error {
	var next atomic.Int64
	failed := make([]error, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && failed[w] == nil; i = next.Add(1) - 1 {
				failed[w] = do(int(i))
			}
		})
	}
	wait.Wait()
	return errors.Join(failed...)
}
