package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

const (
	nightClusters = 40
	nightWorkers  = 64
)

// side is what answers the same claims: Snapback, or a webhook that only allows.
// Each has two replicas behind a Service.
type side struct {
	variant
	world    world
	service  *proxy
	replicas [2]*program
	start    func(context.Context) (*program, error)
}

// night is a bad night: all claims are created at once, and one of the replicas that
// answer them is killed in the middle.
type night struct {
	options options
	cluster *cluster.Cluster
	client  client.Client
	store   store
	sides   []*side
	turns   []turn
}

func measureNight(ctx context.Context, o options) (err error) {
	c, err := cluster.Start(ctx, cluster.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	dir, err := os.MkdirTemp("", "snapback-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the certificate: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n := &night{options: o, cluster: c}
	if n.client, err = cluster.NewClient(c.Config); err != nil {
		return err
	}
	defer n.close()
	if err := inTurn(ctx, phase{"store all objects", func(ctx context.Context) error { return n.setUp(ctx, dir) }}); err != nil {
		return err
	}
	n.begin(os.Stdout)
	for i := range o.nights {
		if err := inTurn(ctx, phase{fmt.Sprintf("night %d", i+1), func(ctx context.Context) error { return n.one(ctx, i) }}); err != nil {
			return err
		}
	}
	n.end(os.Stdout)
	return nil
}

// one is one night of both sides; its rows are printed once it has ended.
func (n *night) one(ctx context.Context, number int) error {
	order := slices.Clone(n.sides)
	if number%2 == 1 {
		slices.Reverse(order)
	}
	var turns []turn
	for _, s := range order {
		t, err := n.turn(ctx, number, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		turns = append(turns, t)
		n.turns = append(n.turns, t)
	}
	n.rows(os.Stdout, turns)
	return nil
}

func (n *night) setUp(ctx context.Context, certificates string) error {
	if err := pauseOthers(n.cluster); err != nil {
		return err
	}
	ca, err := writeCertificate(certificates)
	if err != nil {
		return err
	}
	if err := n.addSides(ctx, certificates); err != nil {
		return err
	}
	objects := []client.Object{waitingClass(), allowConfiguration("https://"+n.sides[1].service.address(), ca)}
	for _, o := range objects {
		if err := n.client.Create(ctx, o); err != nil {
			return fmt.Errorf("create %T %s: %w", o, o.GetName(), err)
		}
	}
	if err := createStrimziCRDs(ctx, n.client); err != nil {
		return err
	}
	if n.store, err = storeOf(n.cluster); err != nil {
		return err
	}
	for _, side := range n.sides {
		if err := side.world.begin(ctx, n.client, n.store, side.labels); err != nil {
			return err
		}
	}
	return n.sides[0].world.back(ctx, n.store, n.options.snapshots, time.Time{})
}

// addSides sets both sides up, without replicas.
func (n *night) addSides(ctx context.Context, certificates string) error {
	kubeconfig := filepath.Join(n.cluster.Dir, "snapback.kubeconfig")
	var service corev1.Service
	if err := n.client.Get(ctx, types.NamespacedName{Namespace: cluster.Namespace, Name: "snapback-webhook"}, &service); err != nil {
		return fmt.Errorf("read Snapback's Service: %w", err)
	}
	address := net.JoinHostPort(service.Spec.ClusterIP, fmt.Sprint(service.Spec.Ports[0].Port))
	newest := time.Now().Add(-10 * time.Minute)
	n.sides = []*side{
		{variant: ours, start: func(ctx context.Context) (*program, error) {
			p, err := startWebhook(ctx, n.cluster, kubeconfig)
			if err != nil {
				return nil, err
			}
			took, err := p.ready(ctx, http.DefaultClient)
			if err != nil {
				p.kill()
				return nil, err
			}
			progress("a replica is ready after %s", took.Round(10*time.Millisecond))
			return p, nil
		}},
		{variant: allowOnly, start: func(ctx context.Context) (*program, error) {
			return startAllow(ctx, n.cluster, certificates)
		}},
	}
	for i, listen := range []string{address, "127.0.0.1:0"} {
		s := n.sides[i]
		s.world = world{name: []string{"ours", "allow"}[i], namespaces: 8, clusters: nightClusters, nodes: max(n.options.burst/nightClusters, 1), newest: newest}
		var err error
		if s.service, err = startProxy(listen); err != nil {
			return err
		}
	}
	return nil
}

func (n *night) close() {
	for _, s := range n.sides {
		for _, p := range s.replicas {
			p.kill()
		}
		if s.service != nil {
			_ = s.service.close() // nothing needs its port
		}
	}
}

// turn lets one side answer all claims, and deletes them.
func (n *night) turn(ctx context.Context, number int, s *side) (turn, error) {
	t := turn{number: number + 1, side: s.name}
	var addresses []string
	for i, p := range s.replicas {
		if p == nil {
			var err error
			if s.replicas[i], err = s.start(ctx); err != nil {
				return t, err
			}
		}
		addresses = append(addresses, s.replicas[i].address)
	}
	s.service.to(addresses...)
	if err := n.answers(ctx, s); err != nil {
		return t, err
	}
	s.service.cut() // so that all of its connections are new ones
	if err := quiet(ctx, n.cluster); err != nil {
		return t, err
	}
	if err := n.all(ctx, s, &t); err != nil {
		return t, err
	}
	progress("night %d, %s: %s", t.number, s.name, t)
	return t, n.clean(ctx, s)
}

// answers waits until the apiserver asks the side's replicas.
func (n *night) answers(ctx context.Context, s *side) error {
	return cluster.Eventually(ctx, time.Minute, func(ctx context.Context) error {
		pvc := s.world.claim(0).Obj()
		if err := n.client.Create(ctx, pvc, client.DryRunAll); err != nil {
			return err
		}
		if s.name == ours.name && pvc.Annotations[v1alpha1.AnnotationRestoredFrom] == "" {
			return errors.New("the claim is not restored")
		}
		return nil
	})
}

// all creates all claims at once, and kills a replica once half of them are answered.
func (n *night) all(ctx context.Context, s *side, t *turn) error {
	count := s.world.volumes()
	t.latencies = make([]time.Duration, count)
	var mu sync.Mutex // of the turn
	answered := 0
	start := time.Now()
	err := parallel(count, nightWorkers, func(i int) error {
		begin := time.Now()
		pvc := s.world.claim(i).Obj()
		refused, err := n.create(ctx, pvc)
		t.latencies[i] = time.Since(begin)
		mu.Lock()
		defer mu.Unlock()
		t.refused = append(t.refused, refused...)
		if s.name == ours.name && pvc.Spec.DataSource == nil && i < n.options.snapshots {
			t.empty++
		}
		if answered++; answered == count/2 {
			t.killed = time.Now()
			s.replicas[0].kill()
			s.replicas[0] = nil
		}
		return err
	})
	t.took = time.Since(start)
	return err
}

// create creates a claim as an operator does, which tries again when it is refused,
// and returns when the refused tries began.
func (n *night) create(ctx context.Context, pvc *corev1.PersistentVolumeClaim) ([]refusal, error) {
	var refused []refusal
	wait := 50 * time.Millisecond
	for {
		try, begin := pvc.DeepCopy(), time.Now()
		err := n.client.Create(ctx, try)
		if err == nil {
			*pvc = *try
			return refused, nil
		}
		refused = append(refused, refusal{begin, err.Error()})
		if len(refused) == 20 {
			return refused, fmt.Errorf("claim %s%s in %s was refused 20 times: %w", pvc.Name, pvc.GenerateName, pvc.Namespace, err)
		}
		if err := pass(ctx, wait); err != nil {
			return refused, err
		}
		wait = min(2*wait, time.Second)
	}
}

// clean deletes the claims of a side in etcd, since their finalizers would stay.
func (n *night) clean(ctx context.Context, s *side) error {
	for i := range s.world.namespaces {
		if err := n.store.clear(ctx, "persistentvolumeclaims", s.world.namespace(i)); err != nil {
			return err
		}
	}
	return nil
}
