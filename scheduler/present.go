package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sync/semaphore"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/athand"
)

// presentFor is how old the apiserver's word on the claims of a run may be when a
// snapshot is created. A run of a thousand volumes takes some seconds.
const presentFor = 5 * time.Second

// errAbsent is why no snapshot is created of a claim that the cache still has.
var errAbsent = errors.New("was deleted or replaced a moment ago")

// present is which claims of a run are there, by the apiserver. A snapshot of one that
// is not would be taken of the next claim of its name.
type present struct {
	reader    client.Reader
	clock     clockwork.Clock
	namespace string
	labels    client.MatchingLabels // that all claims of the run have

	one  *semaphore.Weighted // held by who asks; the others wait for the answer
	at   time.Time
	uids map[string]types.UID // by name
	err  error                // why they are not known; nil with nil uids: not asked yet
}

func (r *Reconciler) present(namespace string, tasks []task) *present {
	p := &present{reader: r.APIReader, clock: r.Clock, namespace: namespace, one: semaphore.NewWeighted(1)}
	for i, t := range tasks {
		if i == 0 {
			p.labels = t.Volume.Peers
		} else if !maps.Equal(p.labels, t.Volume.Peers) {
			p.labels = nil
		}
	}
	return p
}

// check returns errAbsent unless the claim is there.
func (p *present) check(ctx context.Context, pvc *corev1.PersistentVolumeClaim) error {
	if err := p.one.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("no snapshot of claim %s was created: %w", pvc.Name, context.Cause(ctx))
	}
	defer p.one.Release(1)
	if now := p.clock.Now(); p.uids == nil && p.err == nil || now.Sub(p.at) > presentFor {
		p.at = now
		if p.err = p.ask(ctx); p.err != nil { // an answer for all that wait: each would wait as long for the same
			p.at = p.clock.Now()
		}
	}
	if p.err != nil {
		return p.err
	}
	if p.uids[pvc.Name] != pvc.UID {
		return fmt.Errorf("claim %s/%s %w", pvc.Namespace, pvc.Name, errAbsent)
	}
	return nil
}

func (p *present) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	var pvcs corev1.PersistentVolumeClaimList
	if err := p.reader.List(ctx, &pvcs, client.InNamespace(p.namespace), p.labels, athand.List); err != nil {
		return fmt.Errorf("list the claims of namespace %s: %w", p.namespace, err)
	}
	p.uids = make(map[string]types.UID, len(pvcs.Items))
	for i := range pvcs.Items {
		if pvc := &pvcs.Items[i]; pvc.DeletionTimestamp == nil {
			p.uids[pvc.Name] = pvc.UID
		}
	}
	return nil
}
