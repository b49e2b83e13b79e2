package snapshotstest

import (
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// GoodCase is a volume's claim and snapshots, and which of them is good. All code
// that reports good snapshots must agree on all cases.
type GoodCase struct {
	Claim     *Claim
	Snapshots []*Snapshot
	Good      *Snapshot // nil: none
}

// GoodCases returns a volume's snapshots in all states that they can be in, by a
// name for the state.
func GoodCases(now time.Time) map[string]GoodCase {
	claim := func() *Claim {
		return KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker").Owner("KafkaCluster", "ours")
	}
	by := func(backup string, of *Claim, hours int) *Snapshot {
		return NewSnapshot(of, NewBackup(backup, "kafka", "class"), "driver", now.Add(-time.Duration(hours)*time.Hour))
	}
	ready := func(hours int) *Snapshot { return by("hourly", claim(), hours).Ready() }
	cases := map[string]GoodCase{"no snapshot": {Claim: claim()}}
	for name, some := range map[string][]*Snapshot{ // the good one, then the others
		"the newest":                            {ready(1), ready(2)},
		"of another KafkaBackup":                {by("daily", claim(), 1).Ready(), ready(2)},
		"the newest is abandoned":               {ready(2), ready(1).Annotate(v1alpha1.AnnotationAbandoned, "x")},
		"the newest came back empty":            {ready(2), ready(1).Lineage("second", false)},
		"came back empty, and was promoted":     {ready(1).Lineage("second", false), ready(2).Lineage("second", true), ready(3)},
		"promoted by one that is not ready":     {ready(1).Lineage("second", false), by("hourly", claim(), 2).Lineage("second", true).Cut(now), ready(3)},
		"the newest is of an earlier cluster":   {ready(2), by("hourly", claim().Owner("KafkaCluster", "earlier"), 1).Ready()},
		"the newest is marked for pruning":      {ready(2), ready(1).Annotate(v1alpha1.AnnotationPruning, now.Format(time.RFC3339))},
		"the newest is being deleted":           {ready(2), ready(1).Terminating(now)},
		"the newest is not ready":               {ready(2), by("hourly", claim(), 1).Cut(now)},
		"an older one is pinned":                {ready(1), ready(2).Annotate(v1alpha1.AnnotationRestoreNext, v1alpha1.ValueTrue)},
		"only an abandoned one":                 {ready(1).Annotate(v1alpha1.AnnotationAbandoned, "x")},
		"only since it came back empty":         {ready(1).Lineage("second", false)},
		"only of an earlier cluster":            {by("hourly", claim().Owner("KafkaCluster", "earlier"), 1).Ready()},
		"the newest is damaged":                 {ready(2), ready(1).Damaged()},
		"the newest is sound, the rest damaged": {ready(1).Sound(), ready(2).Damaged()},
		"all are damaged":                       {ready(1).Damaged(), ready(2).Damaged()},
		"a damaged one beside unproven":         {ready(2).Damaged(), ready(1).Lineage("second", false)},
		"a damaged one beside abandoned":        {ready(2).Damaged(), ready(1).Annotate(v1alpha1.AnnotationAbandoned, "x")},
		"the newest is damaged, and proves":     {ready(2).Lineage("second", false), ready(1).Lineage("second", true).Damaged(), ready(3)},
		"only an abandoned one beside unproven": {ready(1).Lineage("second", false), ready(2).Annotate(v1alpha1.AnnotationAbandoned, "x")},
	} {
		cases[name] = GoodCase{claim(), some, some[0]}
	}
	cases["none is ready"] = GoodCase{Claim: claim(), Snapshots: []*Snapshot{by("hourly", claim(), 1).Cut(now)}}
	cases["the own one is not ready, one of an earlier cluster is"] = GoodCase{Claim: claim(), Snapshots: []*Snapshot{by("hourly", claim(), 1).Cut(now), by("hourly", claim().Owner("KafkaCluster", "earlier"), 2).Ready()}}
	cases["the sound one is not ready, a damaged one is"] = GoodCase{Claim: claim(), Snapshots: []*Snapshot{by("hourly", claim(), 2).Cut(now), ready(1).Damaged()}}
	cases["the only one is marked for pruning"] = GoodCase{Claim: claim(), Snapshots: []*Snapshot{ready(1).Annotate(v1alpha1.AnnotationPruning, now.Format(time.RFC3339))}}
	return cases
}
