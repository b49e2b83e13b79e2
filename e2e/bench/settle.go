package main

import (
	"context"
	"strings"
	"time"
)

const (
	settleLimit = 35 * time.Second // a client tries again at most 30 seconds later
	settleMore  = 5 * time.Second  // so that a list that comes after a watch is seen too
)

// settled counts the requests after something has happened to a process's watches, until
// it has as many as after its start, and a little longer.
func (a *auditor) settled(ctx context.Context, start asked) (asked, error) {
	sum, end := asked{}, time.Now().Add(settleLimit)
	back := false
	for time.Now().Before(end) {
		if err := pass(ctx, time.Second); err != nil {
			return nil, err
		}
		more, err := a.next()
		if err != nil {
			return nil, err
		}
		sum.add(more)
		if !back && sum.watches(start) {
			back, end = true, time.Now().Add(settleMore)
		}
	}
	if !back {
		disturbed("not all watches were there again after %s", settleLimit)
	}
	return sum, nil
}

func (a asked) add(more asked) {
	for what, n := range more {
		a[what] += n
	}
}

// watches reports whether there are at least as many watches of each kind as in the other.
func (a asked) watches(other asked) bool {
	mine := a.watched()
	for resource, n := range other.watched() {
		if mine[resource] < n {
			return false
		}
	}
	return true
}

// watched are the numbers of watches that were answered, by resource.
func (a asked) watched() map[string]int {
	n := map[string]int{}
	for what, count := range a {
		resource, is := strings.CutPrefix(strings.TrimPrefix(what, "list by "), "watch ")
		if is && !strings.HasSuffix(what, ")") { // that one failed
			n[resource] += count
		}
	}
	return n
}
