package athand_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/athand"
)

// TestListsShareNothing has two lists at the same time: neither may ask for what the
// other one does.
func TestListsShareNothing(t *testing.T) {
	asked := func(selector client.ListOption) func() string {
		var o client.ListOptions
		raw := o.ApplyOptions([]client.ListOption{selector, athand.List}).AsListOptions()
		return func() string { return raw.LabelSelector + " at " + raw.ResourceVersion }
	}
	first, second := asked(client.MatchingLabels{"broker": "1"}), asked(client.MatchingLabels{"broker": "2"})
	if first() != "broker=1 at 0" || second() != "broker=2 at 0" {
		t.Errorf("asked for %q and %q", first(), second())
	}
}
