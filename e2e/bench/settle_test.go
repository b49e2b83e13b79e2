package main

import "testing"

func TestWatches(t *testing.T) {
	start := asked{"list by watch volumesnapshots": 1, "list pods": 1, "watch pods": 1, "watch pods (403)": 3}
	for _, c := range []struct {
		name string
		now  asked
		want bool
	}{
		{"nothing yet", asked{}, false},
		{"one of two", asked{"watch pods": 2}, false},
		{"a watch that failed", asked{"watch pods": 1, "watch volumesnapshots (410)": 1}, false},
		{"both", asked{"watch pods": 1, "watch volumesnapshots": 1}, true},
		{"both, listed again", asked{"list by watch pods": 1, "list by watch volumesnapshots": 1}, true},
	} {
		if got := c.now.watches(start); got != c.want {
			t.Errorf("%s: %t; expected %t", c.name, got, c.want)
		}
	}
}
