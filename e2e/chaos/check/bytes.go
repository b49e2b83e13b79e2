package check

import (
	"fmt"
	"slices"

	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// What is on a volume is what its claim was restored from: the volume's own data, with
// all that was written before the storage took the snapshot. Without a source
// nothing is there.
var _ = register(Check{Name: "bytes", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, c := range h.Claims {
		if c.Bound == nil {
			continue
		}
		if what := wrongBytes(h, c); what != "" {
			found = append(found, Violation{Namespace: c.Namespace, Volume: c.Volume.Key, Seq: c.BoundSeq,
				What: fmt.Sprintf("the volume of claim %s (%s, from %q) %s", c.Name, c.UID, c.Source(), what)})
		}
	}
	return found
}})

// wrongBytes says what is wrong with the data of a claim; empty: nothing.
func wrongBytes(h *history.History, c *history.Claim) string {
	got := c.Bound.Content
	switch {
	case got.Spoiled != "":
		return "is spoiled: " + got.Spoiled
	case c.Source() == "" && got.Lines > 0:
		return fmt.Sprintf("holds %d lines of %v, and should be empty", got.Lines, got.Volumes)
	case c.Source() == "":
		return ""
	}
	source := h.SnapshotAt(c.Namespace, c.Source(), c.First().Revision)
	if source == nil {
		return "is from a snapshot that has never been there"
	}
	from := h.ClaimOf(source.OriginAt(c.First().Revision).Claim)
	cut, ok := source.Cut()
	if from == nil || !ok {
		return "is from a snapshot that was never cut, or of a claim that has never been there"
	}
	var last int64 // write before the cut, whose time is known to the second
	for _, w := range from.Wrote {
		if w.Time.Before(cut) {
			last = w.Number
		}
	}
	switch {
	case got.Lines == 0 && last > 0:
		return fmt.Sprintf("is empty, and write %d of claim %s was before the cut", last, from.Name)
	case got.Lines > 0 && !slices.Equal(got.Volumes, []string{c.Volume.Key}):
		return fmt.Sprintf("holds the data of %v", got.Volumes)
	case got.Last < last:
		return fmt.Sprintf("ends with write %d, and write %d of claim %s was before the cut", got.Last, last, from.Name)
	case got.Lines > 0 && got.LastTime.After(cut.Add(grace)):
		return fmt.Sprintf("ends with a write of %s, long after the cut at %s", got.LastTime, cut)
	case len(got.Lineages) > 1:
		return fmt.Sprintf("holds the lineages %v at once", got.Lineages)
	case len(got.Lineages) == 1 && h.ClaimOf(got.Lineages[0]) == nil:
		return "holds a lineage that no claim has begun: " + got.Lineages[0]
	case len(got.Lineages) == 1 && from.Bound != nil && len(from.Bound.Content.Lineages) == 1 && from.Bound.Content.Lineages[0] != got.Lineages[0]:
		return fmt.Sprintf("holds the lineage %s, and claim %s had %s", got.Lineages[0], from.Name, from.Bound.Content.Lineages[0])
	}
	return ""
}
