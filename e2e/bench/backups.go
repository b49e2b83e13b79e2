package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

const nodesEach = 10

// due is how many KafkaBackups with few volumes do, that are all due at the same
// moment, and one with a long history.
type due struct {
	options   options
	cluster   *cluster.Cluster
	client    client.WithWatch
	store     store
	audit     *auditor
	scheduler *program
	world     world
	began     time.Time
	at        time.Time // when all are due

	looks  []looks
	quiet  quietTime
	starts starts
	bare   time.Duration // a client that only creates as many
}

// quietTime is what the scheduler does while nothing happens.
type quietTime struct {
	took, cpu      time.Duration
	looks          float64
	requests       asked
	resident, peak float64
}

func measureBackups(ctx context.Context, o options) (err error) {
	c, err := cluster.Start(ctx, cluster.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	d := &due{options: o, cluster: c, audit: &auditor{file: c.AuditLog()}, began: time.Now()}
	defer func() { d.scheduler.kill() }()
	if d.client, err = client.NewWithWatch(c.Config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if d.store, err = storeOf(c); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{d.looksAlone, d.fill, d.looksAmongOthers, d.schedule, d.atRest, d.measureStarts, d.bareClient} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.print(os.Stdout)
	return nil
}

func (d *due) startScheduler(ctx context.Context) (err error) {
	d.scheduler.stop()
	if d.scheduler, err = startScheduler(ctx, d.cluster, filepath.Join(d.cluster.Dir, "snapback.kubeconfig")); err != nil {
		return err
	}
	_, err = d.scheduler.ready(ctx, http.DefaultClient)
	return err
}

// fill stores the claims and snapshots of the many KafkaBackups.
func (d *due) fill(ctx context.Context) error {
	d.scheduler.stop() // it would follow
	d.world = world{name: "due", namespaces: 20, clusters: d.options.backups, nodes: nodesEach, newest: time.Now().Add(-55 * time.Minute).Truncate(time.Second)}
	if err := errors.Join(d.world.begin(ctx, d.client, d.store, nil), d.world.bind(ctx, d.store)); err != nil {
		return err
	}
	err := d.store.fill(ctx, d.options.snapshots, func(i int) client.Object { return d.world.snapshot(i) })
	if err != nil {
		return err
	}
	progress("%d snapshots of %d volumes are stored", d.options.snapshots, d.world.volumes())
	return quiet(ctx, d.cluster)
}

// schedule stores the many KafkaBackups, last of all, so that the time at which they are
// due is as near as it can be.
func (d *due) schedule(ctx context.Context) error {
	d.scheduler.stop() // it would follow
	lead := 90*time.Second + time.Duration(d.options.backups)*50*time.Millisecond
	d.at = time.Now().Add(lead).Truncate(time.Second)
	progress("all KafkaBackups are due in %s", lead)
	return d.store.fill(ctx, d.world.clusters, func(i int) client.Object { return d.world.backup(i, d.at) })
}

// atRest measures the scheduler between its first looks and the time at which all are due.
func (d *due) atRest(ctx context.Context) error {
	if err := d.startScheduler(ctx); err != nil {
		return err
	}
	inTime, cancel := context.WithDeadline(ctx, d.at.Add(-15*time.Second))
	defer cancel()
	if err := d.scheduler.lookedAtAll(inTime, d.world.clusters+1); err != nil {
		progress("the scheduler does not come to rest in time: %v", err)
		return ctx.Err()
	}
	progress("all KafkaBackups are looked at after %s", time.Since(d.scheduler.started).Round(100*time.Millisecond))
	if err := pass(ctx, 10*time.Second); err != nil { // what the first looks have changed is looked at too
		return err
	}
	if time.Until(d.at) < 15*time.Second {
		progress("the scheduler has only now come to rest: this machine is too busy")
		return nil
	}
	q := &d.quiet
	before, used, err := d.now(ctx)
	if err != nil {
		return err
	}
	if _, err := d.audit.next(); err != nil {
		return err
	}
	start := time.Now()
	if err := pass(ctx, min(time.Minute, time.Until(d.at)-5*time.Second)); err != nil {
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
	q.resident, q.peak, err = memories(d.scheduler)
	return err
}

// bareClient creates as many snapshots as all runs together.
func (d *due) bareClient(ctx context.Context) error {
	d.scheduler.kill() // it would look at them
	if err := quiet(ctx, d.cluster); err != nil {
		return err
	}
	all := make([]*snapshotv1.VolumeSnapshot, d.world.volumes())
	for i := range all {
		vs := d.world.snapshot(i)
		all[i] = &snapshotv1.VolumeSnapshot{Spec: vs.Spec, ObjectMeta: metav1.ObjectMeta{
			Namespace: vs.Namespace, Name: "bare-" + vs.Name, Labels: vs.Labels, Annotations: vs.Annotations}}
	}
	start := time.Now()
	err := parallel(len(all), bareWorkers, func(i int) error { return d.client.Create(ctx, all[i]) })
	d.bare = time.Since(start)
	return err
}
