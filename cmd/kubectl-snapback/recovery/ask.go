package recovery

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
)

// askFor is how long the webhook may take to see the pins.
const askFor = 10 * time.Second

// ask creates each claim again in a dry run, after the pins are set and before
// anything is deleted: the webhook's answer is what the new claim will get. It
// cannot ask about a claim that is gone.
func (r *Runner) ask(ctx context.Context) error {
	asked, allowed := 0, true
	err := r.each(func(item *Item) error {
		if item.Done || item.again == nil || !allowed {
			return nil
		}
		for start := time.Now(); ; {
			answer := rehearsal.Ask(ctx, r.Client, item.again)
			if allowed = answer.Outcome != rehearsal.NotAllowed; !allowed {
				r.say("you may not create claims, so the webhook could not be asked in a dry run what it would do")
				return nil
			}
			text := item.objection(answer)
			if text == "" {
				asked++
				return nil
			}
			if time.Since(start) > askFor {
				return fmt.Errorf("claim %s would not be restored from VolumeSnapshot %s: %s", item.claimName(), item.Snapshot.Name, text)
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("interrupted while the webhook was asked: %w", ctx.Err())
			case <-time.After(poll):
			}
		}
	})
	if err == nil && asked > 0 {
		r.say("the webhook was asked in a dry run about %s, and nothing speaks against it", counted(asked, "claim", "claims"))
	}
	return err
}

// counted returns a number with the word in singular or plural.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// objection returns the webhook's answer if it differs from the plan; empty if it
// does not. A refusal because of the old claim is no objection: that is deleted.
func (i *Item) objection(a rehearsal.Answer) string {
	switch {
	case a.Admitted() && a.Snapshot == i.Snapshot.Name:
		return ""
	case a.Outcome == rehearsal.Refused && a.Reason == v1alpha1.ReasonDuplicateVolume && i.again.GenerateName != "":
		return "" // of two claims that live at the same time: the plan has seen to it that there is one only
	case a.Outcome == rehearsal.LeftAlone:
		return fmt.Sprintf("Snapback leaves it alone, since it says itself what it is filled or bound with (%s)", a.Reason)
	case a.Admitted() && a.Reason == "":
		return "Snapback was not asked about it: is its webhook running, and does its configuration match the claim? (kubectl describe kbak)"
	}
	return strings.Join(a.Says, "; ")
}
