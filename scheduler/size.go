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

// templatesKept is how long what StatefulSets ask for is believed.
const templatesKept = time.Minute

// templates are those of a namespace's StatefulSets, as they were read last.
type templates struct {
	snapshots.Templates
	read time.Time
}

// keptTemplates are those of each namespace. KafkaBackups are looked at several
// at once.
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

// findOutgrown names the claims that would be refused as too small if they were
// lost: a driver rounds sizes up, and what was expanded by hand is asked for as it
// was before.
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

// templatesIn are those of a namespace. They are listed once in a while, however
// many claims there are; while that fails, those of before count.
func (r *Reconciler) templatesIn(ctx context.Context, namespace string) snapshots.Templates {
	known, now := r.templates.get(namespace), r.Clock.Now()
	if !known.read.IsZero() && now.Sub(known.read) < templatesKept {
		return known.Templates
	}
	known.read = now
	var sets appsv1.StatefulSetList
	err := r.APIReader.List(ctx, &sets, client.InNamespace(namespace), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}})
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot tell what StatefulSets ask for", "namespace", namespace)
	} else {
		known.Templates = snapshots.NewTemplates(sets.Items)
	}
	r.templates.put(namespace, known)
	return known.Templates
}
