package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// quietTime is what the scheduler does while nothing happens.
type quietTime struct {
	took, cpu      time.Duration
	looks          float64
	requests       asked
	resident, peak float64
}

// firstLooks stores the many KafkaBackups, due in an hour, and starts the scheduler.
func (d *due) firstLooks(ctx context.Context) error {
	d.scheduler.stop() // so that its start is measured, with all of them
	err := d.store.unwatched().fill(ctx, d.world.clusters, func(i int) client.Object { return d.world.backup(i, d.world.newest.Add(time.Hour)) })
	if err != nil {
		return err
	}
	if err := d.startScheduler(ctx); err != nil {
		return err
	}
	progress("the scheduler is ready after %s", time.Since(d.scheduler.started).Round(100*time.Millisecond))
	if err := d.scheduler.lookedAtAll(ctx, d.world.clusters+1); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "\nAll %d KafkaBackups were looked at %s s after the scheduler's start.\n", d.world.clusters+1, number(time.Since(d.scheduler.started).Seconds()))
	return pass(ctx, 10*time.Second) // what the first looks have changed is looked at too
}

// atRest measures the scheduler while nothing happens.
func (d *due) atRest(ctx context.Context) error {
	q := &d.quiet
	before, used, err := d.now(ctx)
	if err != nil {
		return err
	}
	if _, err := d.audit.next(); err != nil {
		return err
	}
	start := time.Now()
	if err := pass(ctx, time.Minute); err != nil {
		return err
	}
	q.took = time.Since(start)
	if q.requests, err = d.audit.next(); err != nil {
		return err
	}
	after, usedNow, err := d.now(ctx)
	if err != nil {
		return err
	}
	q.looks, q.cpu = after[looksTotal]-before[looksTotal], usedNow-used
	if q.resident, q.peak, err = memories(d.scheduler); err != nil {
		return err
	}
	d.printRest(os.Stdout)
	return nil
}

// reschedule has all KafkaBackups due at the same full minute, which is near, and waits
// until just before it.
func (d *due) reschedule(ctx context.Context) error {
	lead := 20*time.Second + time.Duration(d.options.backups)*20*time.Millisecond
	d.at = time.Now().Add(lead + time.Minute).Truncate(time.Minute)
	progress("all KafkaBackups are due in %s", time.Until(d.at).Round(time.Second))
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"schedule":"%d * * * *"}}`, d.at.Minute()))
	err := parallel(d.world.clusters, 4, func(i int) error {
		kb := &v1alpha1.KafkaBackup{ObjectMeta: d.world.backup(i, d.at).ObjectMeta}
		if err := d.client.Patch(ctx, kb, patch); err != nil {
			return fmt.Errorf("patch KafkaBackup %s: %w", kb.Name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := pass(ctx, time.Until(d.at)-5*time.Second); err != nil {
		return err
	}
	return d.known(ctx)
}

// known reports it if the scheduler has not taken up all new schedules in time.
func (d *due) known(ctx context.Context) error {
	var list v1alpha1.KafkaBackupList
	if err := d.client.List(ctx, &list); err != nil {
		return fmt.Errorf("list KafkaBackups: %w", err)
	}
	n := 0
	for i := range list.Items {
		if next := list.Items[i].Status.NextScheduleTime; next != nil && next.Time.Equal(d.at) {
			n++
		}
	}
	if n < d.world.clusters {
		disturbed("five seconds before all were due the scheduler had taken up %d of %d new schedules", n, d.world.clusters)
	}
	return nil
}
