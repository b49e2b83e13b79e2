package recovery

import (
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// votes blocks the restore of volumes that hold votes unless a person agrees: the
// webhook takes the pins of a restore as agreement. Nobody is asked where
// restore-quorum is set.
func (p *Plan) votes(inv *inventory.Inventory, agreed bool, now time.Time) {
	var slots []string
	for n := range p.Items {
		item := &p.Items[n]
		v := item.Volume
		policy, err := inv.Policy(v)
		set := policy[v1alpha1.AnnotationRestoreQuorum]
		if agreed || item.Done || !v.Role.Quorum() || err != nil || set == v1alpha1.ValueTrue {
			continue
		}
		slots = append(slots, v.Slot)
		if p.All {
			continue
		}
		text := fmt.Sprintf("volume %s is of a %s, which holds votes of the quorum: restored alone, it can have forgotten what it has agreed to: pass --restore-quorum to restore it all the same", v.Slot, v.Role.Words())
		if set == "" && inv.IfLost(v, now).Reason == v1alpha1.ReasonQuorumVolume {
			text += ". Or delete its claim and pod: it starts empty, and learns all from its peers, which is safer"
		}
		p.Blocks = append(p.Blocks, text)
	}
	if p.All && len(slots) > 0 {
		p.Blocks = append(p.Blocks, fmt.Sprintf("the quorum goes back with its brokers to the same run (%s): pass --restore-quorum to do so", some(slots)))
	}
}
