package scheduler

import (
	"context"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/snapshots"
)

// templatesKept is how long the templates that were read from StatefulSets stay
// valid.
const templatesKept = time.Minute

// templates are the claim templates of a namespace's StatefulSets, as they were
// last read.
type templates struct {
	snapshots.Templates
	read time.Time
}

// keptTemplates keeps the templates of each namespace. It has a lock, since
// several KafkaBackups are reconciled at once.
type keptTemplates struct {
	mu sync.Mutex
	of map[string]templates
}

func (k *keptTemplates) get(namespace string) templates {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.of[namespace]
}

func (k *keptTemplates) put(namespace string, t templates) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[string]templates{}
	}
	k.of[namespace] = t
}

// findOutgrown lists the claims that the webhook would refuse as too small if
// they were lost and created again. Drivers round sizes up, and the creator of a
// claim that was expanded by hand still asks for the old size.
func findOutgrown(ctx context.Context, e *examination) ([]string, error) {
	var outgrown []string
	for _, c := range e.seen.claims {
		lost := snapshots.Claim{Volume: e.complete(ctx, e.seen.backup, c), Annotations: c.PVC.Annotations, Request: e.templatesIn(ctx, e.kb.Namespace).Request(c.PVC)}
		if how := e.seen.cluster.Outgrown(lost); how != "" {
			outgrown = append(outgrown, fmt.Sprintf("%s (%s)", c.PVC.Name, how))
		}
	}
	return outgrown, nil
}

// templatesIn returns the templates of a namespace. However many claims there
// are, it lists the StatefulSets at most once in [templatesKept]. If that fails,
// it returns the templates of the last time.
func (r *Reconciler) templatesIn(ctx context.Context, namespace string) snapshots.Templates {
	known, now := r.templates.get(namespace), r.Clock.Now()
	if !known.read.IsZero() && now.Sub(known.read) < templatesKept {
		return known.Templates
	}
	known.read = now
	var sets appsv1.StatefulSetList
	err := r.APIReader.List(ctx, &sets, client.InNamespace(namespace), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}})
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list the StatefulSets, whose templates say what size a claim asks for", "namespace", namespace)
	} else {
		known.Templates = snapshots.NewTemplates(sets.Items)
	}
	r.templates.put(namespace, known)
	return known.Templates
}
