package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// mode is how the claims are created.
type mode struct {
	name    string
	dryRun  bool
	workers int
	block   int // creates; real ones must fit into the volumes of a shape
}

var modes = []mode{
	{"dry-run", true, 1, 50},
	{"dry-run x8", true, 8, 100},
	{"dry-run x32", true, 32, 160},
	{"real", false, 1, 25},
	{"real x8", false, 8, 25},
	{"real x32", false, 32, 50},
}

// memory is the memory of the webhook, in MB.
type memory struct{ idle, loaded float64 }

// measure fills the namespace up to the count, and measures all its cells in turns,
// so that a drift of the machine affects all of them alike.
func (b *bench) measure(ctx context.Context, count int) error {
	if err := b.fill(ctx, count); err != nil {
		return err
	}
	var m memory
	var err error
	if m.idle, err = resident(b.webhook); err != nil {
		return err
	}
	for round := range b.options.rounds + 1 {
		for _, mode := range modes {
			for _, s := range shapes {
				for _, v := range variants {
					measured, err := b.block(ctx, mode, s, v)
					if err != nil {
						return err
					}
					if round > 0 { // the first one warms up
						b.cell(key{count, s.name, mode.name, v.name}).add(measured)
					}
				}
			}
		}
		progress("%d snapshots: round %d of %d", count, round, b.options.rounds)
	}
	if m.loaded, err = resident(b.webhook); err != nil {
		return err
	}
	b.memory[count] = m
	return nil
}

// block creates claims and takes the time.
func (b *bench) block(ctx context.Context, m mode, s shape, v variant) (block, error) {
	measured := block{latencies: make([]time.Duration, m.block)}
	before, err := cpu(b.webhook)
	if err != nil {
		return measured, err
	}
	asked := b.local.allowed.Load()
	start := time.Now()
	err = parallel(m.block, m.workers, func(i int) error {
		claim := s.claim(i % (volumes / len(shapes)))
		begin := time.Now()
		err := b.create(ctx, v, claim, m.dryRun)
		measured.latencies[i] = time.Since(begin)
		return err
	})
	if err != nil {
		return measured, err
	}
	measured.took = time.Since(start)
	after, err := cpu(b.webhook)
	if err != nil {
		return measured, err
	}
	measured.cpu = after - before
	if asked = b.local.allowed.Load() - asked; (v.name == allowOnly.name) != (asked == int64(m.block)) {
		return measured, fmt.Errorf("%s: the webhook that only allows was asked %d times", v.name, asked)
	}
	if m.dryRun {
		return measured, nil
	}
	return measured, b.deleteClaims(ctx, v.namespace)
}

// create creates a claim, and checks that it was answered as it should be.
func (b *bench) create(ctx context.Context, v variant, claim *snapshotstest.Claim, dryRun bool) error {
	pvc := claim.In(v.namespace).Class(className).Obj()
	var options []client.CreateOption
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	if err := b.client.Create(ctx, pvc, options...); err != nil {
		return fmt.Errorf("create a claim in %s: %w", v.namespace, err)
	}
	if from := pvc.Annotations[v1alpha1.AnnotationRestoredFrom]; (from != "") != (v.name == ours.name) {
		return fmt.Errorf("claim %s in %s was restored from %q", pvc.Name, v.namespace, from)
	}
	return nil
}

// deleteClaims deletes the claims of a namespace in etcd, since their finalizers would stay,
// and waits until the apiserver's watch cache has none of them.
func (b *bench) deleteClaims(ctx context.Context, namespace string) error {
	if err := b.store.clear(ctx, "persistentvolumeclaims", namespace); err != nil {
		return err
	}
	return cluster.Eventually(ctx, time.Minute, func(ctx context.Context) error {
		var left corev1.PersistentVolumeClaimList
		cached := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}}
		if err := b.client.List(ctx, &left, client.InNamespace(namespace), cached); err != nil {
			return fmt.Errorf("list the claims of %s: %w", namespace, err)
		}
		if len(left.Items) > 0 {
			return fmt.Errorf("%d claims of %s are still there", len(left.Items), namespace)
		}
		return nil
	})
}
