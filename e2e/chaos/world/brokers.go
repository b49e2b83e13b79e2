package world

import (
	"context"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/e2e/chaos/data"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// writeEvery is how often each broker writes.
const writeEvery = 500 * time.Millisecond

// brokers write to the volumes of all bound claims. Each tells first what is on its
// volume, and goes on from there.
type brokers struct {
	w     *World
	known map[string]*broker // by the claim's UID
}

type broker struct {
	dir   string
	last  data.Line
	fresh bool // nothing is on the volume yet
}

func (b *brokers) play(ctx context.Context) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		b.look(ctx)
		for _, one := range b.known {
			b.write(one)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// look finds the bound claims and their folders. While the apiserver is away the
// brokers that are known go on.
func (b *brokers) look(ctx context.Context) {
	var claims corev1.PersistentVolumeClaimList
	var volumes corev1.PersistentVolumeList
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if b.w.Observer.List(ctx, &claims) != nil || b.w.Observer.List(ctx, &volumes) != nil {
		return
	}
	handles := handlesOf(volumes.Items)
	there := map[string]bool{}
	for i := range claims.Items {
		claim := &claims.Items[i]
		there[string(claim.UID)] = true
		handle := handles[claim.Spec.VolumeName]
		if _, known := b.known[string(claim.UID)]; !known && claim.Status.Phase == corev1.ClaimBound && handle != "" {
			b.begin(claim, b.w.Stage.VolumeFolder(handle))
		}
	}
	for uid := range b.known {
		if !there[uid] {
			delete(b.known, uid)
		}
	}
}

// handlesOf are the storage's names of volumes, by their own.
func handlesOf(volumes []corev1.PersistentVolume) map[string]string {
	handles := map[string]string{}
	for _, pv := range volumes {
		if pv.Spec.CSI != nil {
			handles[pv.Name] = pv.Spec.CSI.VolumeHandle
		}
	}
	return handles
}

// begin tells what is on the volume of a claim, and starts its broker.
func (b *brokers) begin(claim *corev1.PersistentVolumeClaim, dir string) {
	v, ok := b.w.VolumeOf(claim)
	if !ok {
		return
	}
	content, err := data.Read(dir)
	if os.IsNotExist(err) {
		return // deleted meanwhile
	}
	if err != nil {
		content.Spoiled = err.Error()
	}
	uid := string(claim.UID)
	b.w.Log.Add(record.Record{Bound: &record.Bound{Namespace: claim.Namespace, Claim: claim.Name, UID: uid, Volume: v.Key, Content: content}})
	one := &broker{dir: dir, fresh: content.Lines == 0, last: data.Line{Volume: v.Key, Lineage: uid, Claim: uid, Number: content.Last}}
	if n := len(content.Lineages); n > 0 {
		one.last.Lineage = content.Lineages[n-1]
	}
	b.known[uid] = one
}

func (b *brokers) write(one *broker) {
	next := one.last
	next.Number++
	next.Time = time.Now().UTC()
	if data.Append(one.dir, next, one.fresh) != nil {
		return // deleted meanwhile
	}
	one.last, one.fresh = next, false
	b.w.Log.Add(record.Record{Wrote: &record.Wrote{UID: next.Claim, Volume: next.Volume, Lineage: next.Lineage, Number: next.Number}})
}
