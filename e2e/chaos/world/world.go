// Package world is what a chaos run plays with: an embedded cluster of real
// processes behind proxies, Kafka clusters in the shapes of several operators,
// stand-ins that make their claims again, and brokers that write to their volumes.
package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/e2e/apachekafka"
	"github.com/snapback-dev/snapback/e2e/certs"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/ports"
)

// The components that are no program of the cluster.
const (
	People    = "people"    // who loses, holds, suspends
	Operators = "operators" // the stand-ins
	Plugin    = "plugin"    // kubectl snapback
)

// answerWithin is how long a person or an operator waits for an answer.
const answerWithin = 10 * time.Second

// World is a running world.
type World struct {
	Stage   *cluster.Stage
	Layout  plan.Layout
	Log     *record.Log
	Faults  *proxy.Faults // at the apiserver and the webhook
	Webhook *proxy.Webhook
	Kafka   *Kafka

	People    client.Client // through a proxy, as everybody
	Observer  client.Client // past all proxies: for what only looks
	operators client.Client

	snapback string   // the binary
	plugin   []string // kubectl snapback, with the flag of its kubeconfig
	wishes   sync.Map // annotations of claims to make, by the volume's key
	class    snapshotv1.VolumeSnapshotClass
	proxies  []io.Closer
	stop     context.CancelFunc
	work     sync.WaitGroup
	health   []string          // URLs that answer when Snapback is ready
	metrics  map[string]string // URLs, by the process
}

// Options say what a world is made of.
type Options struct {
	Snapback, Plugin string               // binaries; empty: they are built from the tree
	Logs             string               // folder
	Kafka            *apachekafka.Install // where the layout has a cluster of it
}

// New brings a world up. The context limits the start.
func New(ctx context.Context, layout plan.Layout, o Options, to *record.Log) (*World, error) {
	w := &World{Layout: layout, Log: to, Faults: &proxy.Faults{}, snapback: o.Snapback, plugin: []string{o.Plugin}, metrics: map[string]string{}}
	if w.snapback == "" {
		var err error
		if w.snapback, err = cluster.Build(ctx, ".", "./cmd/snapback", "snapback-chaos", "chaos"); err != nil {
			return nil, err
		}
	}
	options := cluster.Options{KeepHistory: true, EtcdDisk: os.Geteuid() == 0, Logs: o.Logs, Through: func(part string, config *rest.Config, ca *certs.Authority) (*rest.Config, error) {
		return w.through(part, config, ca, "")
	}, Between: w.between}
	var err error
	w.Stage, err = cluster.NewStage(ctx, options, func(name, why string) {
		to.Add(record.Record{Ended: &record.Ended{Program: name, Why: why}})
	})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	if err := w.up(ctx, running, o); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *World) up(ctx, running context.Context, o Options) error {
	h := &historian{etcd: w.Stage.Etcd(), log: w.Log}
	w.work.Go(func() { h.follow(running) })
	if err := w.clients(); err != nil {
		return err
	}
	if err := errors.Join(w.keepClass(ctx), w.buildPlugin(ctx)); err != nil {
		return err
	}
	if err := w.startSnapback(ctx); err != nil {
		return err
	}
	if err := w.makeClusters(ctx); err != nil {
		return err
	}
	for _, c := range w.Layout.Clusters {
		o := w.operatorOf(c)
		w.work.Go(func() { operate(running, c, o) })
		w.work.Go(func() { w.play(running, c) })
	}
	w.work.Go(func() { w.tidy(running) })
	b := &brokers{w: w, known: map[string]*broker{}}
	w.work.Go(func() { b.play(running) })
	return w.startKafka(ctx, running, o)
}

// through starts a proxy for a component and returns the config for it.
func (w *World) through(component string, config *rest.Config, ca *certs.Authority, token string) (*rest.Config, error) {
	p, err := proxy.NewAPIServer(component, config, ca, w.Faults, w.Log)
	if err != nil {
		return nil, err
	}
	w.proxies = append(w.proxies, p)
	return p.Config(ca, token), nil
}

func (w *World) clients() error {
	var err error
	if w.Observer, err = newClient(w.Stage.Config()); err != nil {
		return err
	}
	for component, c := range map[string]*client.Client{People: &w.People, Operators: &w.operators} {
		config, err := w.through(component, w.Stage.Config(), w.Stage.Authority(), "")
		if err != nil {
			return err
		}
		if *c, err = newClient(config); err != nil {
			return err
		}
	}
	return nil
}

func newClient(config *rest.Config) (client.Client, error) {
	config.Timeout = answerWithin
	config.WarningHandlerWithContext = rest.NoWarnings{}
	return cluster.NewClient(config)
}

// startSnapback starts two replicas of the webhook behind its Service, and two
// schedulers, of which one leads.
func (w *World) startSnapback(ctx context.Context) error {
	account, err := w.Stage.AccountConfig(ctx)
	if err != nil {
		return err
	}
	var replicas []proxy.Replica
	for _, name := range []string{"webhook-0", "webhook-1", "scheduler-0", "scheduler-1"} {
		var serves, answers, measures int
		if err := ports.Assign(&serves, &answers, &measures); err != nil {
			return err
		}
		config, err := w.through(name, w.Stage.Config(), w.Stage.Authority(), account.BearerToken)
		if err != nil {
			return err
		}
		kubeconfig := filepath.Join(w.Stage.Dir(), name+".kubeconfig")
		if err := cluster.WriteKubeconfig(kubeconfig, config); err != nil {
			return err
		}
		health := fmt.Sprintf("127.0.0.1:%d", answers)
		args := []string{"scheduler", "--namespace=" + cluster.Namespace}
		path := "/healthz"
		if name == "webhook-0" || name == "webhook-1" {
			args = []string{"webhook", "--host=127.0.0.1", fmt.Sprintf("--port=%d", serves), "--cert-dir=" + w.Stage.WebhookCerts()}
			path = "/readyz"
			replicas = append(replicas, proxy.Replica{Name: name, Address: fmt.Sprintf("127.0.0.1:%d", serves)})
		}
		args = append(args, "--kubeconfig="+kubeconfig, "--health-probe-bind-address="+health, fmt.Sprintf("--metrics-bind-address=127.0.0.1:%d", measures))
		if err := w.Stage.Start(name, w.snapback, args...); err != nil {
			return err
		}
		w.health = append(w.health, "http://"+health+path)
		w.metrics[name] = fmt.Sprintf("http://127.0.0.1:%d/metrics", measures)
	}
	w.Webhook, err = proxy.NewWebhook(w.Stage.WebhookAddress(), w.Stage.WebhookCerts(), "snapback-webhook."+cluster.Namespace+".svc",
		w.Stage.Authority(), replicas, w.Faults, w.Log)
	if err != nil {
		return err
	}
	w.proxies = append(w.proxies, w.Webhook)
	return cluster.Eventually(ctx, startLimit, w.Healthy)
}

// startLimit is how long Snapback's processes may take to start.
const startLimit = 2 * time.Minute

// Try repeats what a fault may keep from its work.
func (w *World) Try(ctx context.Context, what func(context.Context) error) error {
	return cluster.Eventually(ctx, 30*time.Second, what)
}

// Close takes the world down.
func (w *World) Close() error {
	w.stop()
	w.work.Wait()
	w.Kafka.close()
	err := w.Stage.Close()
	for _, p := range w.proxies {
		_ = p.Close() // its port is gone with this process, at the latest
	}
	return err
}
