package scheduler

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// rolesKept is how long what operators say of roles is believed, or that they
// say nothing.
const rolesKept = time.Minute

// roles has what operators say, for each KafkaBackup apart: one whose operator
// does not answer holds up none of the others. A KafkaBackup is looked at by one
// worker at a time.
type roles struct {
	mu sync.Mutex
	of map[types.NamespacedName]keptReader
}

type keptReader struct {
	*operators.Reader
	since time.Time
}

// reader returns the one that is kept for a KafkaBackup, or a new one.
func (r *roles) reader(key types.NamespacedName, now time.Time, fresh func() *operators.Reader) *operators.Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[types.NamespacedName]keptReader{}
	}
	if kept, ok := r.of[key]; !ok || now.Sub(kept.since) > rolesKept {
		r.of[key] = keptReader{fresh(), now}
	}
	return r.of[key].Reader
}

// remove forgets a KafkaBackup that is gone.
func (r *roles) remove(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, key)
}

// role is the claim's, after what its operator's resources say, and its snapshots
// where they do not.
func (r *Reconciler) role(ctx context.Context, b snapshots.Backup, c claims.Claim) snapshots.Role {
	c.Volume = r.complete(ctx, b, c)
	if strict, err := r.strictRole(ctx, c); err == nil { // else the cache is not filled yet
		return strict.Role
	}
	return c.Volume.Role
}

// complete is the claim's volume, with what its operator's resources say.
func (r *Reconciler) complete(ctx context.Context, b snapshots.Backup, c claims.Claim) snapshots.Volume {
	reader := r.roles.reader(b.Key(), r.Clock.Now(), func() *operators.Reader {
		return operators.NewReader(r.APIReader, r.Mapper)
	})
	if err := reader.Complete(ctx, &c.Volume, c.PVC); err != nil {
		log.FromContext(ctx).Error(err, "cannot tell the role of a claim", "namespace", c.PVC.Namespace, "claim", c.PVC.Name)
	}
	return c.Volume
}

// strictRole is the claim's volume with its role as its snapshots have it where
// nobody says the role now: a snapshot must not forget that a volume is a
// controller's while its node pool is away.
func (r *Reconciler) strictRole(ctx context.Context, c claims.Claim) (snapshots.Volume, error) {
	if c.Volume.RoleSaid {
		return c.Volume, nil
	}
	all, err := r.cached().History(ctx, c)
	return c.Volume.Stricter(all), err
}
