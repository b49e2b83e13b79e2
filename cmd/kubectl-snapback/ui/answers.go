package ui

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
)

const (
	// askWithin is how long the webhook may take to answer a page.
	askWithin = 5 * time.Second

	// answerKept is how long an answer is shown before the webhook is asked again, if
	// nothing of what it is about has changed: a page is made anew at each change in the
	// cluster.
	answerKept = 10 * time.Second

	// maxAnswers is how many answers are kept.
	maxAnswers = 100
)

// answers asks the webhook, by dry runs, what claims would get.
type answers struct {
	client client.Client

	mu   sync.Mutex
	kept map[types.UID]kept
}

// kept is the webhook's answer about a claim.
type kept struct {
	rehearsal.Answer
	basis string
	at    time.Time
}

func newAnswers(config Config) *answers {
	return &answers{client: config.Client, kept: map[types.UID]kept{}}
}

// of returns the webhook's answer about a claim of the volume that lives, or why there is
// none. A claim that is gone cannot be asked about: nobody knows how it would be made
// again.
func (a *answers) of(ctx context.Context, i *inventory.Inventory, v *inventory.Volume, pvc *corev1.PersistentVolumeClaim, now time.Time) (*rehearsal.Answer, string) {
	if pvc == nil {
		return nil, "the claim is gone, and how it would be made again is not known. What follows is computed from what you may read"
	}
	basis := basisOf(i, v, pvc)
	a.mu.Lock()
	have, ok := a.kept[pvc.UID]
	a.mu.Unlock()
	if !ok || have.basis != basis || now.Sub(have.at).Abs() > answerKept {
		bounded, cancel := context.WithTimeout(ctx, askWithin)
		defer cancel()
		have = kept{rehearsal.Ask(bounded, a.client, rehearsal.Again(i, v, pvc)), basis, now}
		if ctx.Err() == nil { // if the reader has gone away, this says nothing about the webhook
			a.keep(pvc.UID, have)
		}
	}
	if err := have.Untold(pvc); err != nil {
		return nil, fmt.Sprintf("%v. What follows is computed from what you may read", err)
	}
	return &have.Answer, ""
}

// basisOf names the versions of what the webhook decides by, as far as the page knows
// it: the claim, the KafkaBackups of its cluster, and the snapshots of its volume.
func basisOf(i *inventory.Inventory, v *inventory.Volume, pvc *corev1.PersistentVolumeClaim) string {
	versions := []string{pvc.ResourceVersion}
	for _, b := range i.Of(inventory.ClusterKey{Namespace: v.Namespace, Name: v.Cluster}).Backups {
		versions = append(versions, b.Name, b.ResourceVersion)
	}
	for _, name := range slices.Sorted(maps.Keys(v.Objects)) {
		versions = append(versions, name, v.Objects[name].ResourceVersion)
	}
	return strings.Join(versions, " ")
}

// keep remembers an answer. If there are too many it forgets all: a person looks at a
// few claims at a time.
func (a *answers) keep(uid types.UID, k kept) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.kept) >= maxAnswers {
		clear(a.kept)
	}
	a.kept[uid] = k
}
