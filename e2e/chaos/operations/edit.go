package operations

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// A person changes schedule, retention and class of a KafkaBackup.
var _ = register(Operation{
	Kind: plan.Kind{Name: "edit", Weight: 8, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyCluster(r, l)
		args["every"] = (time.Duration(8+r.IntN(6)) * time.Second).String()
		args["class"] = []string{cluster.SnapshotClass, world.SlowSnapshots}[r.IntN(2)]
		if r.IntN(2) == 0 {
			args["count"] = strconv.Itoa(2 + r.IntN(4))
		} else {
			args["time"] = (time.Duration(20+r.IntN(60)) * time.Second).String()
		}
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		return w.ChangeSpec(ctx, args["cluster"], func(s *v1alpha1.KafkaBackupSpec) {
			s.Schedule, s.VolumeSnapshotClassName = "@every "+args["every"], args["class"]
			s.RetentionTime, s.RetentionCount = args["time"], nil
			if n := args.Number("count"); n > 0 {
				s.RetentionCount = ptr.To(int32(n)) //nolint:gosec // it is small
			}
		})
	},
})
