package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// runsLimit is how long all snapshots of the runs, or of the bare client, may take.
const runsLimit = 4 * time.Minute

// starts are the runs of all KafkaBackups, seen by a watch of their snapshots.
type starts struct {
	first, last []time.Duration // of each run's snapshots, after all were due
	snapshots   int
	requests    asked
	cpu         time.Duration
	peak        float64 // MB
}

// seen is what the watch has seen, by KafkaBackup.
type seen struct {
	mu          sync.Mutex
	first, last map[client.ObjectKey]time.Time
	count       int
}

// measureStarts waits until all runs have made their snapshots.
func (d *due) measureStarts(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := d.watch(ctx)
	if err != nil {
		return err
	}
	if err := pass(ctx, time.Until(d.at)-2*time.Second); err != nil {
		return err
	}
	if _, err := d.audit.next(); err != nil {
		return err
	}
	used, err := cpu(d.scheduler.pid())
	if err != nil {
		return err
	}
	if err := s.await(ctx, d.world.volumes(), time.Until(d.at)+runsLimit); err != nil {
		disturbed("not all runs have ended: %v", err) // the table shows how many
	}
	_ = pass(ctx, 2*time.Second) // the runs' last status writes; what is there is printed even if the benchmark is stopped
	now, err := cpu(d.scheduler.pid())
	if err != nil {
		return err
	}
	result := starts{cpu: now - used}
	if result.requests, err = d.audit.next(); err != nil {
		return err
	}
	if _, result.peak, err = memories(d.scheduler); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, at := range s.first {
		result.first = append(result.first, at.Sub(d.at))
		result.last = append(result.last, s.last[key].Sub(d.at))
	}
	result.snapshots = s.count
	if s.count == 0 {
		return errors.New("no run has made a snapshot")
	}
	d.starts = result
	result.print(os.Stdout)
	return ctx.Err()
}

// await waits until the watch has seen so many snapshots.
func (s *seen) await(ctx context.Context, n int, limit time.Duration) error {
	return cluster.Eventually(ctx, limit, func(context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.count < n {
			return fmt.Errorf("%d of %d snapshots were created, of %d runs", s.count, n, len(s.first))
		}
		return nil
	})
}

// watch watches the snapshots that are created from now on.
func (d *due) watch(ctx context.Context) (*seen, error) {
	kind := snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshotList")
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind)
	if err := d.client.List(ctx, list, client.Limit(1)); err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	w, err := d.client.Watch(ctx, list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		return nil, fmt.Errorf("watch snapshots: %w", err)
	}
	s := &seen{first: map[client.ObjectKey]time.Time{}, last: map[client.ObjectKey]time.Time{}}
	context.AfterFunc(ctx, w.Stop)
	go func() {
		for event := range w.ResultChan() {
			if o, is := event.Object.(*metav1.PartialObjectMetadata); is && event.Type == "ADDED" {
				s.add(o, time.Now())
			}
		}
	}()
	return s, nil
}

func (s *seen) add(o *metav1.PartialObjectMetadata, at time.Time) {
	key := client.ObjectKey{Namespace: o.Namespace, Name: o.Annotations[v1alpha1.AnnotationBackupName]}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first[key].IsZero() {
		s.first[key] = at
	}
	s.last[key] = at
	s.count++
}
