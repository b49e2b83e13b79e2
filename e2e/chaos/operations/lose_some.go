package operations

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// Two nodes of a cluster are lost at once.
var _ = register(Operation{
	Kind: plan.Kind{Name: "lose-some", Weight: 10, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		c := l.Clusters[r.IntN(len(l.Clusters))]
		var nodes []string
		for _, i := range r.Perm(len(c.Volumes))[:2] {
			nodes = append(nodes, strconv.Itoa(i))
		}
		return plan.Args{"cluster": c.Namespace, "nodes": strings.Join(nodes, ",")}
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		c, _ := w.Layout.Cluster(args["cluster"])
		var lost []plan.Volume
		for node := range strings.SplitSeq(args["nodes"], ",") {
			i, err := strconv.Atoi(node)
			if err != nil || i >= len(c.Volumes) {
				return errors.New("there is no node " + node)
			}
			lost = append(lost, c.Volumes[i])
		}
		return lose(ctx, w, lost)
	},
})

// lose loses volumes at the same time.
func lose(ctx context.Context, w *world.World, volumes []plan.Volume) error {
	var at errgroup.Group
	for _, v := range volumes {
		at.Go(func() error { return w.Lose(ctx, v) })
	}
	return at.Wait()
}
