// Package operations has what people and accidents do in a chaos run, one file for
// each. None of them may make Snapback break an invariant.
package operations

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// Operation is a kind of operation. Do ends when it is done, or within its limit
// with an error, which a fault may be the cause of: it is recorded, and no
// violation.
type Operation struct {
	plan.Kind
	Limit time.Duration // zero: a minute; only while the run goes on anyway
	Do    func(context.Context, *world.World, plan.Args) error
}

var all []Operation

func register(o Operation) bool { //nolint:unparam // a variable takes it, so that each file registers its own
	all = append(all, o)
	return true
}

// All are the operations by name.
func All() []Operation {
	return slices.SortedFunc(slices.Values(all), func(a, b Operation) int { return cmp.Compare(a.Name, b.Name) })
}

// awhile does something, and undoes it after the time that the arguments say.
func awhile(ctx context.Context, args plan.Args, do, undo func(context.Context) error) error {
	long, err := time.ParseDuration(args["for"])
	if err != nil {
		return fmt.Errorf("how long: %w", err)
	}
	if err := do(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(long):
	}
	return undo(context.WithoutCancel(ctx))
}

// anySnapshot aims at a volume, and at a snapshot of it by how many are newer, up to the
// number.
func anySnapshot(newer int) func(*rand.Rand, plan.Layout) plan.Args {
	return func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyVolume(r, l)
		args["age"] = strconv.Itoa(r.IntN(newer + 1))
		return args
	}
}

// the returns the volume that the arguments aim at, and its snapshot of that age; nil:
// there is none.
func the(ctx context.Context, w *world.World, args plan.Args) (plan.Volume, *snapshotv1.VolumeSnapshot, error) {
	v, _ := w.Layout.Volume(args["volume"])
	snapshots, err := w.Snapshots(ctx, v)
	age := args.Number("age")
	if err != nil || age >= len(snapshots) {
		return v, nil, err
	}
	return v, &snapshots[len(snapshots)-1-age], nil
}

// clusters aims at one of the clusters that are wanted.
func clusters(r *rand.Rand, l plan.Layout, wanted func(plan.Cluster) bool) plan.Args {
	l.Clusters = slices.DeleteFunc(slices.Clone(l.Clusters), func(c plan.Cluster) bool { return !wanted(c) })
	return plan.AnyCluster(r, l)
}
