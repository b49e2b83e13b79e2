package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/apachekafka"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/kafka/logdir"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const (
	topic   = "t"
	lost    = 0 // the broker that is lost
	staying = 1
)

// trial is two brokers with data of one size, on a cluster of their own that all of
// it goes with.
type trial struct {
	options
	*apachekafka.Cluster
	kb           *v1alpha1.KafkaBackup
	size         float64 // GB
	noise        []byte
	acknowledged []int64 // records of each partition
}

// measure loses a broker twice: restored, and empty.
func measure(ctx context.Context, install *apachekafka.Install, o options, size float64) (results []result, err error) {
	progress("%g GB: start", size)
	k8s, err := cluster.Start(ctx, cluster.Options{Snapback: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, k8s.Stop()) }()
	t := &trial{options: o, size: size, noise: make([]byte, 16<<20), acknowledged: make([]int64, o.partitions)}
	_, _ = rand.NewChaCha8([32]byte{1}).Read(t.noise) // never fails
	if err := t.start(ctx, install, k8s); t.Cluster != nil {
		defer t.Close()
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	restored, err := t.lose(ctx, "restored")
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	if err := t.Annotate(ctx, t.kb, v1alpha1.AnnotationRestore, "off"); err != nil {
		return nil, err
	}
	empty, err := t.lose(ctx, "empty")
	if err != nil {
		return nil, fmt.Errorf("start empty: %w", err)
	}
	return []result{restored, empty}, nil
}

// start starts two brokers and a controller, opted in to restores.
func (t *trial) start(ctx context.Context, install *apachekafka.Install, k8s *cluster.Cluster) error {
	api, err := cluster.NewClient(k8s.Config)
	if err != nil {
		return err
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "recovery"}}
	if err := api.Create(ctx, ns); err != nil {
		return fmt.Errorf("create the namespace: %w", err)
	}
	// Nothing but the one run that is asked for: the next one is a year away at most.
	t.kb = snapshotstest.NewBackup("asked", "kafka", cluster.SnapshotClass).In(ns.Name).Schedule("@yearly").
		Annotate(v1alpha1.AnnotationRestore, "latest").Obj()
	if err := api.Create(ctx, t.kb); err != nil {
		return fmt.Errorf("create the KafkaBackup: %w", err)
	}
	t.Cluster, err = apachekafka.New(ctx, install, k8s, apachekafka.Options{Namespace: ns.Name,
		Nodes: apachekafka.Brokers(2), Config: t.config, Patience: time.Hour})
	return err
}

// prepare fills the brokers, takes the snapshots, and writes what is not in them.
func (t *trial) prepare(ctx context.Context) error {
	placed := make([][]int32, t.partitions)
	for p := range placed {
		placed[p] = []int32{int32(p % 2), int32(1 - p%2)}
	}
	settings := map[string]string{"segment.bytes": fmt.Sprint(t.segment << 20), "retention.ms": "-1", "retention.bytes": "-1"}
	if err := t.CreateTopic(ctx, topic, settings, placed...); err != nil {
		return err
	}
	begun := time.Now()
	if err := t.fill(ctx, t.size*1e9); err != nil {
		return err
	}
	progress("%g GB: filled in %.0f s", t.size, time.Since(begun).Seconds())
	if err := t.settle(ctx, lost); err != nil {
		return err
	}
	if err := t.room(2 * t.size); err != nil {
		return err
	}
	begun = time.Now()
	if _, err := t.BackUp(ctx, t.kb); err != nil {
		return err
	}
	progress("%g GB: snapshots ready in %.0f s", t.size, time.Since(begun).Seconds())
	// The driver stops a broker while it copies, which no storage does.
	if err := t.inSync(ctx, 2); err != nil {
		return err
	}
	return t.fill(ctx, t.size*1e9*t.percent/100)
}

// inSync waits until all partitions have so many replicas in sync.
func (t *trial) inSync(ctx context.Context, n int) error {
	for p := range t.partitions {
		if err := t.InSync(ctx, topic, int32(p), n); err != nil {
			return err
		}
	}
	return nil
}

// lose loses a broker and its volume, and lets it come back.
func (t *trial) lose(ctx context.Context, way string) (result, error) {
	r := result{size: t.size, way: way}
	if err := t.Lose(ctx, lost); err != nil {
		return r, err
	}
	// A broker that is back before Kafka knows that it was gone has to wait for that.
	if err := t.inSync(ctx, 1); err != nil {
		return r, err
	}
	if way == "empty" {
		if err := t.WouldBeEmpty(ctx, lost); err != nil {
			return r, err
		}
	}
	if err := t.room(t.size); err != nil {
		return r, err
	}
	if err := t.recover(ctx, &r); err != nil {
		return r, err
	}
	pvc, err := t.Claimed(ctx, lost, 0)
	if err != nil {
		return r, err
	}
	if (pvc.Spec.DataSource == nil) != (way == "empty") {
		return r, fmt.Errorf("the claim's data source is %v", pvc.Spec.DataSource)
	}
	r.records, err = t.check(ctx)
	progress("%g GB: %s in %.1f s", t.size, way, (r.bound + r.started + r.inSync).Seconds())
	return r, err
}

// recover does what an operator does, and takes the times.
func (t *trial) recover(ctx context.Context, r *result) error {
	var err error
	if r.load, err = load(); err != nil {
		return err
	}
	logged, fetched := len(t.Nodes[lost].Log()), t.Nodes[staying].PeersFetched()
	for _, step := range []struct {
		took *time.Duration
		do   func() error
	}{
		{&r.bound, func() error { return t.CreateClaims(ctx, lost) }},
		{&r.started, func() error { return t.Start(ctx, lost) }},
		{&r.inSync, func() error { return t.inSync(ctx, 2) }},
	} {
		begun := time.Now()
		if err := step.do(); err != nil {
			return err
		}
		*step.took = time.Since(begun)
	}
	r.fetched = t.Nodes[staying].PeersFetched() - fetched
	r.loaded, r.recovered = startOf(t.Nodes[lost].Log()[logged:])
	return nil
}

// check kills the broker that came back, and counts the records in its log dir and
// those that the other one serves. All that were acknowledged must be in both.
func (t *trial) check(ctx context.Context) (total int64, err error) {
	t.Kill(lost)
	found := map[int]int64{}
	broker, err := logdir.ReadBroker(ctx, t.Nodes[lost].LogDirs()...)
	if err != nil {
		return 0, err
	}
	for _, d := range broker.Dirs {
		for _, p := range d.Partitions {
			if p.Topic == topic && len(p.Damage) == 0 {
				found[p.Partition] = p.Records
			}
		}
	}
	for p, want := range t.acknowledged {
		start, end, err := t.Offsets(ctx, topic, int32(p))
		if err != nil {
			return 0, err
		}
		if found[p] != want || start != 0 || end != want {
			return 0, fmt.Errorf("%d records of %s-%d were acknowledged: %d are on the broker that came back, and the offsets are %d to %d", want, topic, p, found[p], start, end)
		}
		total += want
	}
	return total, nil
}
