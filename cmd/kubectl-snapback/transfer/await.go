package transfer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// poll is how often the snapshots are read.
const poll = 500 * time.Millisecond

// Await waits until the driver has found the stored snapshots of all pairs. The
// error names the missing ones, with the driver's own message.
func Await(ctx context.Context, c client.Reader, pairs []Pair, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		waits, err := unready(ctx, c, pairs)
		if err != nil || len(waits) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d imported snapshots are not ready after %s, claims of their volumes would wait for them: %s",
				len(waits), len(pairs), timeout, strings.Join(waits, "; "))
		case <-tick.C:
		}
	}
}

// unready returns the names of snapshots that no claim can be filled from yet.
func unready(ctx context.Context, c client.Reader, pairs []Pair) (waits []string, err error) {
	for _, p := range pairs {
		var vs snapshotv1.VolumeSnapshot
		// Without the timeout: when it is over, the error still has to name what is not ready.
		if err := c.Get(context.WithoutCancel(ctx), client.ObjectKeyFromObject(p.Snapshot), &vs); err != nil {
			return nil, fmt.Errorf("read volumesnapshot %s/%s: %w", p.Snapshot.Namespace, p.Snapshot.Name, err)
		}
		if vs.Status != nil && ptr.Deref(vs.Status.ReadyToUse, false) {
			continue
		}
		text := vs.Name
		if vs.Status != nil && vs.Status.Error != nil {
			text += " (" + strings.Join(strings.Fields(ptr.Deref(vs.Status.Error.Message, "")), " ") + ")"
		}
		waits = append(waits, text)
	}
	slices.Sort(waits)
	return waits, nil
}
