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

	"github.com/snapback-dev/snapback/api/v1alpha1"
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

// sizes says which claims, if they were lost, would be refused as too small:
// a driver rounds sizes up, and what was expanded by hand is asked for as it
// was before.
func (r *Reconciler) sizes(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) {
	var outgrown []string
	for _, c := range seen.claims {
		lost := snapshots.Claim{Volume: r.complete(ctx, seen.backup, c), Annotations: c.pvc.Annotations, Request: r.templatesIn(ctx, kb.Namespace).Request(c.pvc)}
		if how := seen.cluster.Outgrown(lost); how != "" {
			outgrown = append(outgrown, fmt.Sprintf("%s (%s)", c.pvc.Name, how))
		}
	}
	setWhile(kb, v1alpha1.ConditionTooSmall, v1alpha1.ReasonAsksForLess, outgrown,
		"these claims, if they were lost and created again with the size that their creator asks for, would be too small for their snapshots: refused, or empty where %s says so. "+
			"Raise the size to what is needed: with Strimzi in the node pool's storage, with Koperator in the storageConfig's pvcSpec; "+
			"the volumeClaimTemplates of a StatefulSet cannot be changed, so delete it with --cascade=orphan and create it again with the larger size",
		v1alpha1.AnnotationRestoreUnusable)
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
