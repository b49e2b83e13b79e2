package change

import (
	"context"
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// RunNow asks for one run of a KafkaBackup. Its scheduled time is the given one,
// which must be in whole seconds.
func (c Changer) RunNow(ctx context.Context, b inventory.Backup, at time.Time) error {
	if why := b.CannotRun(); why != "" {
		return Refusal(fmt.Sprintf("%s %s cannot run now, nothing was changed: %s", b.Kind(), b.Name, why))
	}
	return c.Annotate(ctx, Object(b), map[string]any{v1alpha1.AnnotationRunNow: at.Format(time.RFC3339)})
}

// Freeze stops all pruning of a KafkaBackup's snapshots. It reports whether it had
// to change something.
func (c Changer) Freeze(ctx context.Context, b inventory.Backup, reason string) (changed bool, err error) {
	if before, frozen := b.Annotations[v1alpha1.AnnotationFreeze]; frozen && before == reason {
		return false, nil
	}
	return true, c.Annotate(ctx, Object(b), map[string]any{v1alpha1.AnnotationFreeze: reason})
}

// Unfreeze lets a KafkaBackup's snapshots be pruned again. It reports whether it had
// to change something.
func (c Changer) Unfreeze(ctx context.Context, b inventory.Backup) (changed bool, err error) {
	if _, frozen := b.Annotations[v1alpha1.AnnotationFreeze]; !frozen {
		return false, nil
	}
	return true, c.Annotate(ctx, Object(b), map[string]any{v1alpha1.AnnotationFreeze: nil})
}

// Suspend stops the runs of a KafkaBackup of either form. It reports whether it had
// to change something.
func (c Changer) Suspend(ctx context.Context, b inventory.Backup) (changed bool, err error) {
	return c.setSuspend(ctx, b, true)
}

// Resume lets a suspended KafkaBackup of either form run again. It reports whether it
// had to change something.
func (c Changer) Resume(ctx context.Context, b inventory.Backup) (changed bool, err error) {
	return c.setSuspend(ctx, b, false)
}

func (c Changer) setSuspend(ctx context.Context, b inventory.Backup, suspend bool) (changed bool, err error) {
	if b.Spec.Suspend == suspend {
		return false, nil
	}
	if snapshots.IsConfigMap(b.KafkaBackup) {
		return true, c.suspendConfigMap(ctx, b, suspend)
	}
	return true, c.Merge(ctx, Object(b), map[string]any{"spec": map[string]any{"suspend": suspend}})
}
