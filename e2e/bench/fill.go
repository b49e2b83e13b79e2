package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	name string // of the shape, and of the Kafka cluster of the part admission
	make func(cluster string, node int) *snapshotstest.Claim
}

// shapes share the volumes out among them.
var shapes = []shape{
	{"strimzi", func(cluster string, node int) *snapshotstest.Claim {
		return snapshotstest.StrimziClaim(cluster, poolOf(cluster), node, 0)
	}},
	{"koperator", func(cluster string, node int) *snapshotstest.Claim {
		return snapshotstest.KoperatorClaim(cluster, node, "/kafka-logs")
	}},
}

// poolOf is the only node pool of a Strimzi cluster.
func poolOf(cluster string) string { return cluster + "-pool" }

func (s shape) claim(node int) *snapshotstest.Claim { return s.make(s.name, node) }

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

// fill stores snapshots until there are so many, and waits until the cluster
// has nothing to do any more.
func (b *bench) fill(ctx context.Context, count int) error {
	if count <= b.filled {
		return nil
	}
	start := time.Now()
	err := b.store.fill(ctx, count-b.filled, func(i int) client.Object {
		vs := b.snapshot(b.filled + i).Obj()
		vs.UID, vs.CreationTimestamp = "", metav1.NewTime(b.started)
		return vs
	})
	if err != nil {
		return err
	}
	b.filled = count
	progress("%d snapshots are stored after %s", count, time.Since(start).Round(time.Second))
	return quiet(ctx, b.cluster)
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
