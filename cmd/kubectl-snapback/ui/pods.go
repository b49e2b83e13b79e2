package ui

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
)

const (
	// podsKept is how long the pods of a namespace are shown before they are listed again:
	// a page is made anew at each change in the cluster.
	podsKept = time.Minute

	// podsWithin is how long the apiserver may take to list them, of all namespaces.
	podsWithin = 5 * time.Second

	// podsAtOnce is how many namespaces are listed together.
	podsAtOnce = 5
)

// pods lists the pods of namespaces when a page needs them, and keeps them for a while.
// They are not watched: most pages need none, and a cluster has many.
type pods struct {
	client client.Client
	now    func() time.Time

	mu   sync.Mutex
	kept map[string]keptPods // by namespace
}

type keptPods struct {
	screen.Pods
	at time.Time
}

func newPods(config Config) *pods {
	return &pods{client: config.Client, now: config.Now, kept: map[string]keptPods{}}
}

// of returns the pods of namespaces, or why they are not known.
func (p *pods) of(ctx context.Context, namespaces []string) map[string]screen.Pods {
	all := map[string]screen.Pods{}
	var mu sync.Mutex
	bounded, cancel := context.WithTimeout(ctx, podsWithin)
	defer cancel()
	var asking errgroup.Group
	asking.SetLimit(podsAtOnce)
	for _, namespace := range namespaces {
		asking.Go(func() error {
			found := p.in(ctx, bounded, namespace)
			mu.Lock()
			defer mu.Unlock()
			all[namespace] = found
			return nil
		})
	}
	_ = asking.Wait() // what is wrong is said of each namespace
	return all
}

// in returns the pods of a namespace, within a bounded part of the reader's context.
func (p *pods) in(ctx, bounded context.Context, namespace string) screen.Pods {
	p.mu.Lock()
	have, ok := p.kept[namespace]
	p.mu.Unlock()
	if ok && p.now().Sub(have.at).Abs() < podsKept {
		return have.Pods
	}
	var list corev1.PodList
	err := p.client.List(bounded, &list, client.InNamespace(namespace))
	found := screen.Pods{Pods: list.Items, Unknown: untold(namespace, err)}
	if ctx.Err() == nil { // if the reader has gone away, this says nothing about the apiserver
		p.mu.Lock()
		defer p.mu.Unlock()
		now := p.now()
		maps.DeleteFunc(p.kept, func(_ string, k keptPods) bool { return now.Sub(k.at).Abs() >= podsKept })
		p.kept[namespace] = keptPods{found, now}
	}
	return found
}

// untold returns, in words, why the pods of a namespace are not known; empty: they are.
func untold(namespace string, err error) string {
	switch {
	case err == nil:
		return ""
	case apierrors.IsForbidden(err):
		return "you may not list pods in namespace " + namespace
	}
	return fmt.Sprintf("the pods of namespace %s could not be listed: %v", namespace, err)
}
