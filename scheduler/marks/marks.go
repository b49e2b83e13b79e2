// Package marks writes annotations to VolumeSnapshots, unless they have changed
// since they were read: then the next reconciliation decides again.
package marks

import (
	"context"
	"errors"
	"fmt"
	"sync"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/snapshots"
)

// parallelWrites is how many writes to snapshots may be under way at once.
const parallelWrites = 16

// Patcher is the part of a client that sets marks.
type Patcher interface {
	Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error
}

// Set sets annotations on a snapshot; the value nil removes one. It returns a
// conflict if the snapshot has changed since it was read.
func Set(ctx context.Context, c Patcher, namespace string, s snapshots.Snapshot, annotations map[string]any) error {
	patch, err := mergepatch.Of(s.UID, s.ResourceVersion, mergepatch.Annotations(annotations))
	if err != nil {
		return fmt.Errorf("annotate volumesnapshot %s/%s: %w", namespace, s.Name, err)
	}
	vs := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: s.Name}}
	if err := c.Patch(ctx, vs, patch); err != nil {
		return fmt.Errorf("annotate volumesnapshot %s/%s: %w", namespace, s.Name, err)
	}
	return nil
}

// maxErrors is how many errors are told of snapshots that fail for the same reason, as a rule:
// the log has what is returned, each time.
const maxErrors = 10

// Each calls do for every snapshot, several at a time, and joins the first errors. It
// ignores the error of a snapshot that has changed or gone since it was read: the
// next reconciliation decides about it again, when the cache is up to date.
func Each(all []snapshots.Snapshot, do func(snapshots.Snapshot) error) error {
	var mu sync.Mutex
	var errs []error
	var group errgroup.Group
	group.SetLimit(parallelWrites)
	for _, s := range all {
		group.Go(func() error {
			if err := IgnoreStale(do(s)); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	if more := len(errs) - maxErrors; more > 0 {
		errs = append(errs[:maxErrors], fmt.Errorf("and %d more snapshots", more))
	}
	return errors.Join(errs...)
}

// IgnoreStale returns the error, or nil if it says that the object has changed or
// gone since it was read.
func IgnoreStale(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
