package screen

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func drawn(t *testing.T, part Part, objects ...client.Object) Picture {
	t.Helper()
	c, ok := NewCluster(load(t, objects...), key, part, now)
	if !ok {
		t.Fatal("there is no cluster")
	}
	return c.Picture
}

// cells are the signs of a row, with > before the one that would be restored and |
// behind the first of a lineage.
func cells(r Row) string {
	var all []string
	for _, c := range r.Cells {
		text := c.Sign()
		if c.Next {
			text = ">" + text
		}
		if c.Step {
			text += "|"
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// TestCells has a row for each state that a snapshot can be in; the newest is on the
// left.
func TestCells(t *testing.T) {
	t.Parallel()
	annotate := func(s *snapshotstest.Snapshot, key, value string) client.Object {
		return s.Ready().Annotate(key, value).Obj()
	}
	of := func(hours int) *snapshotstest.Snapshot { return taken(claim(0), hours) }
	for name, test := range map[string]struct {
		objects []client.Object
		want    string
	}{
		"ready, being taken, not ready": {[]client.Object{of(1).Obj(), of(2).Cut(ago(time.Hour)).Obj(), of(3).Ready().Obj()}, "n c >#"},
		"failed":                        {[]client.Object{of(1).Failing("full").Obj(), of(2).Ready().Obj()}, "F >#"},
		"held":                          {[]client.Object{of(1).Ready().Obj(), annotate(of(2), v1alpha1.AnnotationHold, "x")}, "># H"},
		"pinned":                        {[]client.Object{of(1).Ready().Obj(), annotate(of(2), v1alpha1.AnnotationRestoreNext, "true")}, "# >N"},
		"damaged, verified":             {[]client.Object{of(1).Ready().Damaged().Obj(), of(2).Ready().Sound().Obj()}, "D >V"},
		"abandoned":                     {[]client.Object{annotate(of(1), v1alpha1.AnnotationAbandoned, "x"), of(2).Ready().Obj()}, "a >#"},
		"pruning, terminating":          {[]client.Object{of(1).Ready().Obj(), annotate(of(2), v1alpha1.AnnotationPruning, "x"), of(3).Ready().Terminating(now).Obj()}, "># p t"},
		"unproven":                      {[]client.Object{of(1).Ready().Lineage("second", false).Obj(), of(2).Ready().Obj()}, "u| >#"},
		"a gap, and the volume is older than another": {[]client.Object{of(1).Ready().Obj(), of(3).Ready().Obj(), taken(claim(1), 2).Ready().Obj(), taken(claim(1), 1).Ready().Obj()}, "># · #"},
		"not there yet": {[]client.Object{of(1).Ready().Obj(), taken(claim(1), 2).Ready().Obj(), taken(claim(1), 1).Ready().Obj()}, "># "},
		"lost since":    {[]client.Object{of(2).Ready().Obj(), taken(claim(1), 1).Ready().Obj(), taken(claim(1), 2).Ready().Obj()}, " >#"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := drawn(t, Part{}, append(test.objects, observed(hourly(), nil))...).Rows
			n := slices.IndexFunc(rows, func(r Row) bool { return r.Claim == "data-kafka-0" })
			if got := cells(rows[n]); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			for _, c := range rows[n].Cells {
				if (c.Sign() == "") != (c.Says() == "") {
					t.Errorf("a sign %q without words: %q", c.Sign(), c.Says())
				}
			}
		})
	}
}

// A claim that lives has a gap where a run has left it out; a quorum's volume that is
// excluded has none.
func TestGaps(t *testing.T) {
	t.Parallel()
	excluded := hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.ExcludeQuorum = true })
	quorum := snapshotstest.StrimziClaim("kafka", "z", 0, 0).Label("strimzi.io/component-type", "zookeeper").Class("ssd")
	p := drawn(t, Part{}, observed(excluded, nil), bound(claim(0)), bound(claim(1)), bound(quorum), taken(claim(0), 1).Ready().Obj())
	for _, r := range p.Rows {
		want := map[string]string{"data-kafka-0": ">#", "data-kafka-1": "·"}[r.Claim]
		if got := cells(r); got != want {
			t.Errorf("%s: %q, want %q", r.Claim, got, want)
		}
	}
	if r := p.Runs[0]; r.Ready != 1 || r.Of != 2 || len(r.Counts) != 2 || r.Counts[1].N != 1 {
		t.Errorf("the run has %+v", r)
	}
}

// TestOrder puts the volumes with the gravest problems first, then those that would
// lose most.
func TestOrder(t *testing.T) {
	t.Parallel()
	p := drawn(t, Part{}, observed(hourly(), nil), bound(claim(0)), bound(claim(1)), bound(claim(2)),
		taken(claim(0), 0).Ready().Obj(), taken(claim(1), 1).Ready().Obj(), taken(claim(1), 0).Obj(), taken(claim(3), 0).Ready().Obj())
	var got []string
	for _, r := range p.Rows {
		got = append(got, strings.TrimPrefix(r.Claim, "data-kafka-"))
	}
	if strings.Join(got, " ") != "3 2 1 0" { // lost; without a snapshot; an hour old; new
		t.Errorf("order %q", got)
	}
	if !p.Rows[0].Lost || !p.Rows[0].Problem || p.Rows[1].Loss != "everything" || p.Rows[3].Problem {
		t.Errorf("%+v", p.Rows)
	}
}

// TestRuns says how far the cuts of a run are apart, and how long it is kept.
func TestRuns(t *testing.T) {
	t.Parallel()
	kept := func(change func(*v1alpha1.KafkaBackupSpec)) *snapshotstest.Backup { return hourly().Spec(change) }
	some := func(of ...int) (objects []client.Object) {
		for _, h := range of {
			objects = append(objects, taken(claim(0), h).Ready().Obj())
		}
		return objects
	}
	late := taken(claim(1), 1).Ready().Cut(ago(time.Hour).Add(6 * time.Minute)).Obj()
	filling := bound(claim(5).From("x"))
	filling.Status.Phase = corev1.ClaimPending
	time3 := func(s *v1alpha1.KafkaBackupSpec) { s.RetentionTime = "3h" }
	for name, test := range map[string]struct {
		backup  *snapshotstest.Backup
		objects []client.Object
		want    string // of the oldest run
		keeping string
	}{
		"for ever":          {hourly(), some(1), "0s", "kept for ever: the KafkaBackup has no retention"},
		"by age":            {kept(time3), some(1), "0s", "kept until 2026-03-01T14:00:00Z, in 90m"},
		"by count":          {kept(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionCount = new(int32); *s.RetentionCount = 9 }), some(1), "0s", "kept until 9 newer ones are ready"},
		"the newest two":    {kept(time3), some(4), "0s", "has outlived its retention: 1 stay: one of the newest two"},
		"it may go":         {kept(time3), some(1, 2, 4), "0s", "has outlived its retention: 1 may be pruned now"},
		"frozen":            {kept(time3).Annotate(v1alpha1.AnnotationFreeze, "x"), some(1, 2, 4), "0s", "has outlived its retention: 1 stay: the KafkaBackup is frozen"},
		"while restoring":   {kept(time3), append(some(1, 2, 4), filling), "0s", "has outlived its retention, but nothing is pruned while a claim is being restored"},
		"of no KafkaBackup": {nil, some(1), "0s", "kept for ever: its KafkaBackup is gone"},
		"cut late":          {hourly(), append(some(1), late), "6m0s", "kept for ever: the KafkaBackup has no retention"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.backup != nil {
				test.objects = append(test.objects, observed(test.backup, nil))
			}
			runs := drawn(t, Part{}, test.objects...).Runs
			r := runs[len(runs)-1]
			if r.Skew != test.want || (r.Skewed != "") != (test.want == "6m0s") || r.Keeping != test.keeping || r.Keeps == "" {
				t.Errorf("%+v, want cuts within %s, %s", r, test.want, test.keeping)
			}
		})
	}
}

// TestParts finds volumes, turns pages and goes back to older runs.
func TestParts(t *testing.T) {
	t.Parallel()
	i := large(t, 250, 60)
	at := func(query string) Picture {
		values, _ := url.ParseQuery(query)
		c, _ := NewCluster(i, key, NewPart(values), now)
		return c.Picture
	}
	p := at("")
	if len(p.Rows) != 100 || len(p.Runs) != 50 || p.Left != 10 || p.Pages.Says("volumes") != "1 to 100 of 250 volumes" || p.Pages.Next != "?page=2" || p.Pages.Previous != "" || p.Runs[0].Ready != 250 {
		t.Errorf("first page: %d rows, %d runs, %+v", len(p.Rows), len(p.Runs), p.Pages)
	}
	if p := at("page=9&older=7"); len(p.Rows) != 50 || len(p.Runs) != 10 || p.Pages.Next != "" || p.Pages.Previous != "?older=1&page=2" || p.Older != "" || p.Newer != "?page=9" {
		t.Errorf("last page: %d rows, %d runs, %+v %q", len(p.Rows), len(p.Runs), p.Pages, p.Newer)
	}
	if p := at("q=KAFKA-24"); len(p.Rows) != 11 || p.Pages.Hidden != 239 || !strings.Contains(p.Pages.Says("volumes"), "239 others") {
		t.Errorf("found %d rows: %+v", len(p.Rows), p.Pages)
	}
	if p := at("q=damaged"); len(p.Rows) != 0 || p.Pages.Says("volumes") != "no volumes with “damaged”; 250 others are not shown" {
		t.Errorf("found %d rows: %s", len(p.Rows), p.Pages.Says("volumes"))
	}
}

// Each state has a sign of its own, and words.
func TestStates(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, state := range inventory.States() {
		if seen[state.Sign()] || state.Says() == string(state) {
			t.Errorf("%s: sign %q, %q", state, state.Sign(), state.Says())
		}
		seen[state.Sign()] = true
	}
	for _, kept := range snapshots.KeptReasons {
		if kept.Says() == "" {
			t.Errorf("%s has no words", kept)
		}
	}
}
