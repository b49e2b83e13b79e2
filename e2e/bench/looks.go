package main

import (
	"context"
	"fmt"
	"os"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// looks are looks at one KafkaBackup after changes of one kind.
type looks struct {
	after     string
	count     float64
	mean, cpu time.Duration // of one; cpu: what the process used from change to change
}

// long is a KafkaBackup with a long history.
func (d *due) long() world {
	return world{name: "long", namespaces: 1, clusters: 1, nodes: 100, newest: d.began.Add(-time.Minute).Truncate(time.Second)}
}

// looksAlone measures looks at that KafkaBackup, while it is the only one.
func (d *due) looksAlone(ctx context.Context) error {
	w := d.long()
	if err := populate(ctx, d.cluster, w, d.options.history, d.began.Add(55*time.Minute).Truncate(time.Second)); err != nil {
		return err
	}
	if err := unlimited(ctx, d.client); err != nil {
		return err
	}
	if err := d.startScheduler(ctx); err != nil {
		return err
	}
	if err := d.look(ctx, "an annotation of the KafkaBackup has changed", 40, w.backup(0, time.Time{})); err != nil {
		return err
	}
	return d.look(ctx, "an annotation of one of its snapshots has changed", 20, &snapshotv1.VolumeSnapshot{ObjectMeta: w.snapshot(0).ObjectMeta})
}

// looksAmongOthers measures the looks again, now that there are the snapshots of others.
func (d *due) looksAmongOthers(ctx context.Context) error {
	if err := d.startScheduler(ctx); err != nil {
		return err
	}
	after := fmt.Sprintf("the first again, with %d snapshots of others", d.options.snapshots)
	return d.look(ctx, after, 40, d.long().backup(0, time.Time{}))
}

// look changes the object so many times, and waits for a look each time.
func (d *due) look(ctx context.Context, after string, n int, o client.Object) error {
	if err := d.scheduler.lookedAtAll(ctx, 1); err != nil { // earlier looks end at once: it does not know the snapshots yet
		return err
	}
	if err := idle(ctx, "the scheduler", func() (usage, error) { return cpuOf(d.scheduler) }); err != nil {
		return err
	}
	before, used, err := d.now(ctx)
	if err != nil {
		return err
	}
	last := before
	for i := range n {
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{"bench.test/touched":"%s %d"}}}`, after, i))
		if err := d.client.Patch(ctx, o.DeepCopyObject().(client.Object), patch); err != nil {
			return fmt.Errorf("annotate %s: %w", o.GetName(), err)
		}
		if err := d.scheduler.looked(ctx, last[looksTotal]+1); err != nil {
			return err
		}
		if last, err = d.scheduler.scrape(ctx); err != nil { // a look may have been due anyway
			return err
		}
	}
	now, usedNow, err := d.now(ctx)
	if err != nil {
		return err
	}
	l := looks{after: after, count: now[looksCount] - before[looksCount]}
	l.mean = time.Duration((now[looksTime] - before[looksTime]) / l.count * float64(time.Second))
	l.cpu = time.Duration(float64(usedNow-used) / l.count)
	d.looks = append(d.looks, l)
	l.print(os.Stdout)
	return nil
}

// now are the scheduler's metrics and its CPU time.
func (d *due) now(ctx context.Context) (figures, time.Duration, error) {
	f, err := d.scheduler.scrape(ctx)
	if err != nil {
		return nil, 0, err
	}
	used, err := cpu(d.scheduler.pid())
	return f, used, err
}
