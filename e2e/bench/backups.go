package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
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
	d.beginLooks(os.Stdout)
	err = inTurn(ctx,
		phase{"a long history alone", d.looksAlone},
		phase{"store the others", d.fill},
		phase{"a long history beside them", d.looksAmongOthers},
		phase{"first looks at all", d.firstLooks},
		phase{"at rest", d.atRest},
		phase{"wait until all are due", d.reschedule},
		phase{"all runs", d.measureStarts},
		phase{"bare client", d.bareClient},
	)
	if err != nil {
		return err
	}
	d.printAims(os.Stdout)
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
	d.world = world{name: "due", namespaces: 20, clusters: d.options.backups, nodes: nodesEach, newest: time.Now().Add(-5 * time.Minute).Truncate(time.Second)}
	if err := errors.Join(d.world.begin(ctx, d.client, d.store, nil), d.world.bind(ctx, d.store)); err != nil {
		return err
	}
	progress("%d bound claims are stored", d.world.volumes())
	return d.store.unwatched().fill(ctx, d.options.snapshots, func(i int) client.Object { return d.world.snapshot(i) })
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
	inTime, cancel := context.WithTimeout(ctx, runsLimit)
	defer cancel()
	start := time.Now()
	var created atomic.Int64
	err := parallel(len(all), bareWorkers, func(i int) error {
		err := d.client.Create(inTime, all[i])
		if err == nil {
			created.Add(1)
		}
		return err
	})
	if err != nil && inTime.Err() == nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "\nA bare client with %d workers created %d of %d in %s s.\n\n", bareWorkers, created.Load(), len(all), number(time.Since(start).Seconds()))
	return ctx.Err()
}
