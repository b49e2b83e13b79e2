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

// rolesKept is how long the roles that an operator reports stay valid, or its
// report that there are none.
const rolesKept = time.Minute

// roles keeps one reader of the operators' resources for each KafkaBackup. So a
// request that hangs blocks only its own KafkaBackup. Only one worker reconciles
// a KafkaBackup at a time.
type roles struct {
	mu sync.Mutex
	of map[types.NamespacedName]keptReader
}

type keptReader struct {
	*operators.Reader
	since  time.Time
	failed bool // the log says so
}

// reader returns the reader of a KafkaBackup, or a fresh one if that is too old.
func (r *roles) reader(key types.NamespacedName, now time.Time, fresh func() *operators.Reader) *operators.Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[types.NamespacedName]keptReader{}
	}
	if kept, ok := r.of[key]; !ok || now.Sub(kept.since) > rolesKept {
		r.of[key] = keptReader{Reader: fresh(), since: now}
	}
	return r.of[key].Reader
}

// failing notes that a read of a reader has failed, and reports whether it is the first. A
// thousand claims may share the resource that cannot be read, and a look asks for each claim
// several times.
func (r *roles) failing(key types.NamespacedName) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, ok := r.of[key]
	if !ok || kept.failed {
		return false
	}
	kept.failed = true
	r.of[key] = kept
	return true
}

// remove drops the reader of a KafkaBackup that is gone.
func (r *roles) remove(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, key)
}

// role is the role of the claim's node. Its operator's resources say it, or its
// snapshots where they do not.
func (r *Reconciler) role(ctx context.Context, b snapshots.Backup, c claims.Claim) snapshots.Role {
	c.Volume = r.complete(ctx, b, c)
	if strict, err := r.strictRole(c); err == nil { // an error means that the cache is not filled yet
		return strict.Role
	}
	return c.Volume.Role
}

// complete returns the claim's volume with what its operator's resources say
// about it.
func (r *Reconciler) complete(ctx context.Context, b snapshots.Backup, c claims.Claim) snapshots.Volume {
	reader := r.roles.reader(b.Key(), r.Clock.Now(), func() *operators.Reader {
		return operators.NewReader(r.APIReader, r.Mapper)
	})
	if err := reader.Complete(ctx, &c.Volume, c.PVC); err != nil && r.roles.failing(b.Key()) {
		log.FromContext(ctx).Error(err, "cannot tell the role of a claim, nor of those that share its operator's resources", "namespace", c.PVC.Namespace, "claim", c.PVC.Name)
	}
	return c.Volume
}

// strictRole returns the claim's volume with its role. If nothing reports the
// role now, it is taken from the volume's snapshots: a new snapshot must not
// forget that a volume is a controller's while its node pool is missing.
func (r *Reconciler) strictRole(c claims.Claim) (snapshots.Volume, error) {
	if c.Volume.RoleSaid {
		return c.Volume, nil
	}
	all, err := r.taken().of(c)
	return c.Volume.Stricter(all), err
}
