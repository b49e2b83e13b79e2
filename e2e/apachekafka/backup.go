package apachekafka

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// BackUp asks for a run of the KafkaBackup, waits until all its snapshots are
// ready, and returns the time that it was scheduled for.
func (c *Cluster) BackUp(ctx context.Context, kb *v1alpha1.KafkaBackup) (at time.Time, err error) {
	err = c.Eventually(ctx, func(context.Context) error {
		now := time.Now().UTC().Truncate(time.Second)
		if last := kb.Status.LastRun; last != nil && !now.After(last.ScheduledTime.Time) {
			return fmt.Errorf("there was a run in this second")
		}
		at = now
		return nil
	})
	if err != nil {
		return at, err
	}
	if err := c.Annotate(ctx, kb, v1alpha1.AnnotationRunNow, at.Format(time.RFC3339)); err != nil {
		return at, err
	}
	return at, c.Eventually(ctx, func(ctx context.Context) error {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(kb), kb); err != nil {
			return fmt.Errorf("read KafkaBackup %s: %w", kb.Name, err)
		}
		run := kb.Status.LastRun
		if run == nil || !run.ScheduledTime.Time.Equal(at) || run.CompletionTime == nil || run.Ready < run.Volumes || run.Volumes == 0 {
			return fmt.Errorf("the run of %s is not complete: %+v", at, run)
		}
		return nil
	})
}

// Annotate sets an annotation of the KafkaBackup. The webhook's cache has it a
// moment later.
func (c *Cluster) Annotate(ctx context.Context, kb *v1alpha1.KafkaBackup, key, value string) error {
	change := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, key, value)
	if err := c.client.Patch(ctx, kb, client.RawPatch("application/merge-patch+json", []byte(change))); err != nil {
		return fmt.Errorf("annotate KafkaBackup %s: %w", kb.Name, err)
	}
	return nil
}

// WouldBeEmpty waits until the claim of a lost node's first disk would be made
// empty.
func (c *Cluster) WouldBeEmpty(ctx context.Context, id int) error {
	return c.Eventually(ctx, func(ctx context.Context) error {
		pvc := c.Claim(id, 0)
		if err := c.client.Create(ctx, pvc, client.DryRunAll); err != nil {
			return fmt.Errorf("try the claim of node %d: %w", id, err)
		}
		if pvc.Spec.DataSource != nil {
			return fmt.Errorf("node %d would get %v, an empty volume is expected", id, pvc.Spec.DataSource)
		}
		return nil
	})
}
