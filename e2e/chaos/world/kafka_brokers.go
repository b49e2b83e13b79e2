package world

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

const (
	kafkaLookEvery  = 500 * time.Millisecond
	kafkaLookWithin = 10 * time.Second

	// stillLimit is how long a broker may stand still: the driver stops it for a
	// snapshot, and one that is killed then lets nobody go on.
	stillLimit = 15 * time.Second

	// againAfter is how long after its start a broker is started again that has ended
	// by itself.
	againAfter = 3 * time.Second
)

// disk is the volume of a claim; empty: there is none.
type disk struct{ uid, folder string }

// life is a process of a broker.
type life struct {
	uid     string // of the claim whose volume is its disk
	started time.Time
	still   time.Time // since when it stands still; zero: it does not
	ended   bool      // by itself
}

// play has the brokers follow their claims.
func (k *Kafka) play(ctx context.Context) {
	tick := time.NewTicker(kafkaLookEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if disks, err := k.disks(ctx); err == nil { // else the apiserver is away, and brokers go on
			for _, node := range k.cluster.Nodes() {
				k.tend(ctx, node, disks[node])
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// disks are those of the brokers whose claims are bound.
func (k *Kafka) disks(ctx context.Context) (map[int]disk, error) {
	var claims corev1.PersistentVolumeClaimList
	var volumes corev1.PersistentVolumeList
	ctx, cancel := context.WithTimeout(ctx, kafkaLookWithin)
	defer cancel()
	if err := k.w.Observer.List(ctx, &claims, client.InNamespace(k.cluster.Namespace)); err != nil {
		return nil, fmt.Errorf("list claims: %w", err)
	}
	if err := k.w.Observer.List(ctx, &volumes); err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	handles, found := handlesOf(volumes.Items), map[int]disk{}
	for i := range claims.Items {
		claim := &claims.Items[i]
		v, ok := k.w.VolumeOf(claim)
		if handle := handles[claim.Spec.VolumeName]; ok && handle != "" && claim.Status.Phase == corev1.ClaimBound && claim.DeletionTimestamp == nil {
			found[v.Node] = disk{string(claim.UID), k.w.Stage.VolumeFolder(handle)}
		}
	}
	return found, nil
}

// tend ends the process of a broker whose disk is another one now, and starts one where
// there is none.
func (k *Kafka) tend(ctx context.Context, node int, on disk) {
	l := k.lives[node] // nobody else writes to them
	switch {
	case l == nil:
		if on.uid != "" {
			k.begin(ctx, node, on)
		}
	case l.uid != on.uid:
		k.Kill(node)
		k.end(node, "its claim has gone")
	case k.Nodes[node].Ended() && !l.ended:
		l.ended = true
		k.w.Log.Add(record.Record{Broker: &record.Broker{Node: node, UID: l.uid, Ended: "by itself"}})
	case l.ended && time.Since(l.started) > againAfter:
		k.begin(ctx, node, on)
	default:
		k.goOn(node, l)
	}
}

// begin starts a broker. The next look tries again what fails: its disk may have gone
// meanwhile.
func (k *Kafka) begin(ctx context.Context, node int, on disk) {
	if k.LaunchOn(ctx, node, on.folder) != nil {
		return
	}
	k.w.Log.Add(record.Record{Broker: &record.Broker{Node: node, UID: on.uid}})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lives[node] = &life{uid: on.uid, started: time.Now()}
}

func (k *Kafka) end(node int, why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l := k.lives[node]; !l.ended {
		k.w.Log.Add(record.Record{Broker: &record.Broker{Node: node, UID: l.uid, Ended: why}})
	}
	delete(k.lives, node)
}

// goOn lets a broker go on that has stood still for long.
func (k *Kafka) goOn(node int, l *life) {
	switch n := k.Nodes[node]; {
	case !n.Stopped():
		l.still = time.Time{}
	case l.still.IsZero():
		l.still = time.Now()
	case time.Since(l.still) > stillLimit:
		n.Continue()
	}
}

// running are the processes of the brokers.
func (k *Kafka) running() map[int]life {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := map[int]life{}
	for node, l := range maps.All(k.lives) {
		all[node] = life{uid: l.uid, started: l.started}
	}
	return all
}
