package operations

import (
	"context"
	"errors"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person looks at what restoring a node would do, and does not say yes.
var _ = register(Operation{
	Kind: plan.Kind{Name: "decline-restore", Weight: 4, Draw: plan.AnyNode},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		c, _ := w.Layout.Cluster(args["cluster"])
		if w.Snapback(ctx, c.Namespace, "restore", c.Name, "--broker="+args["node"], "--restore-quorum", "--discard-old-volumes", "--timeout=15s") == nil {
			return errors.New("the plugin did not ask")
		}
		return nil
	},
})
