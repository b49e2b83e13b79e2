package rights

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many questions are under way together.
const atOnce = 10

// Learn asks about many rights together, so that [Rights.May] then knows them: a page has
// hundreds of buttons. It asks no more than May would, the widest rights first.
func (r *Rights) Learn(ctx context.Context, all []Right) {
	for wide := 0; ctx.Err() == nil; wide++ {
		questions, more := r.open(all, wide)
		if !more {
			return
		}
		var asking errgroup.Group
		asking.SetLimit(atOnce)
		for right := range questions {
			asking.Go(func() error {
				r.answer(ctx, right)
				return nil
			})
		}
		_ = asking.Wait() // what was not answered is not known
	}
}

// open returns, of each right that is not known to be had, the one that includes it at a
// step from the widest on; false if no right has as many.
func (r *Rights) open(all []Right, step int) (questions map[Right]bool, more bool) {
	questions = map[Right]bool{}
	for _, right := range all {
		steps := append(right.wider(), right)
		if step >= len(steps) {
			continue
		}
		more = true
		had := false
		for _, wider := range steps[:step] {
			a, known := r.kept(wider)
			had = had || known && a.may
		}
		if !had {
			questions[steps[step]] = true
		}
	}
	return questions, more
}
