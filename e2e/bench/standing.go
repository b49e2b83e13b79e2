package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

const standingClusters = 40

// standing measures real processes with many objects, which are at rest.
type standing struct {
	options  options
	cluster  *cluster.Cluster
	balancer *proxy // between the processes and the apiserver
	first    string // host and port of the cluster's apiserver
	kubeconf string
	results  []standingResult
}

// standingResult is what was measured of one process.
type standingResult struct {
	name               string
	ready, looked      time.Duration // from its start; looked: all KafkaBackups
	resident, peak     float64       // MB, when it was ready and at rest
	start              asked         // requests of its start
	cut, moved         asked         // requests after its connections were cut, and after the apiserver was another one
	residentIn, peakIn float64       // MB, in the end
}

func measureProcesses(ctx context.Context, o options) (err error) {
	c, err := cluster.Start(ctx, cluster.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	m := &standing{options: o, cluster: c}
	if m.balancer, err = startProxy("127.0.0.1:0"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.balancer.close()) }()
	err = inTurn(ctx,
		phase{"store all objects", m.setUp},
		phase{"the webhook", func(ctx context.Context) error { return m.measure(ctx, startWebhook) }},
		phase{"the scheduler", func(ctx context.Context) error { return m.measure(ctx, startScheduler) }},
	)
	if err != nil {
		return err
	}
	m.printAims(os.Stdout)
	return nil
}

// setUp stores the objects. Every KafkaBackup is due in an hour.
func (m *standing) setUp(ctx context.Context) (err error) {
	if m.first, err = hostOf(m.cluster); err != nil {
		return err
	}
	if m.kubeconf, err = through(m.cluster, m.balancer); err != nil {
		return err
	}
	w := world{name: "standing", namespaces: 8, clusters: standingClusters, nodes: max(m.options.claims/standingClusters, 1), newest: time.Now().Add(-time.Minute).Truncate(time.Second)}
	return populate(ctx, m.cluster, w, m.options.snapshots, time.Now().Add(55*time.Minute).Truncate(time.Second))
}

// populate stores the objects of a world whose claims are bound, and pauses the programs
// whose work is not measured.
func populate(ctx context.Context, c *cluster.Cluster, w world, snapshots int, next time.Time) error {
	client, err := cluster.NewClient(c.Config)
	if err != nil {
		return err
	}
	if err := pauseOthers(c); err != nil {
		return err
	}
	if err := client.Create(ctx, waitingClass()); err != nil {
		return fmt.Errorf("create the storage class: %w", err)
	}
	if err := createStrimziCRDs(ctx, client); err != nil {
		return err
	}
	s, err := storeOf(c)
	if err != nil {
		return err
	}
	if err := errors.Join(w.begin(ctx, client, s, nil), w.bind(ctx, s), w.back(ctx, s, snapshots, next)); err != nil {
		return err
	}
	return quiet(ctx, c)
}

// measure starts one process, and disturbs its watches in two ways.
func (m *standing) measure(ctx context.Context, start func(context.Context, *cluster.Cluster, string) (*program, error)) error {
	m.balancer.to(m.first)
	audit := &auditor{file: m.cluster.AuditLog()}
	if _, err := audit.next(); err != nil {
		return err
	}
	p, err := start(ctx, m.cluster, m.kubeconf)
	if err != nil {
		return err
	}
	defer p.kill()
	r := standingResult{name: p.name}
	if err := m.atRest(ctx, p, &r); err != nil {
		return err
	}
	if r.start, err = audit.next(); err != nil {
		return err
	}
	progress("%s: ready after %s, %.0f MB, at most %.0f", p.name, r.ready.Round(10*time.Millisecond), r.resident, r.peak)
	m.balancer.cut()
	if r.cut, err = audit.settled(ctx, r.start); err != nil {
		return err
	}
	if err := m.move(ctx, p, &r); err != nil {
		return err
	}
	if r.residentIn, r.peakIn, err = memories(p); err != nil {
		return err
	}
	m.results = append(m.results, r)
	r.print(os.Stdout)
	return nil
}

// atRest waits until a process has nothing to do any more.
func (m *standing) atRest(ctx context.Context, p *program, r *standingResult) (err error) {
	if r.ready, err = p.ready(ctx, http.DefaultClient); err != nil {
		return err
	}
	if p.name == "scheduler" {
		if err := p.lookedAtAll(ctx, standingClusters); err != nil {
			return err
		}
		r.looked = time.Since(p.started)
	}
	if err := idle(ctx, "the "+p.name, func() (usage, error) { return cpuOf(p) }); err != nil {
		return err
	}
	r.resident, r.peak, err = memories(p)
	return err
}

// move takes the process to an apiserver that has just been started.
func (m *standing) move(ctx context.Context, p *program, r *standingResult) error {
	second, audit, err := startAPIServer(ctx, m.cluster)
	if err != nil {
		return err
	}
	defer second.kill()
	m.balancer.to(second.address)
	m.balancer.cut()
	if r.moved, err = audit.settled(ctx, r.start); err != nil {
		return err
	}
	return idle(ctx, "the "+p.name, func() (usage, error) { return cpuOf(p) }) // it lists until then
}

func memories(p *program) (now, most float64, err error) {
	now, err = resident(p.pid())
	if err != nil {
		return 0, 0, err
	}
	most, err = peak(p.pid())
	return now, most, err
}
