package history

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// about returns a change of an entry: it is about a snapshot and a claim.
func about(snapshot, claim, uid string) func(*v1alpha1.HistoryEntry) {
	return func(e *v1alpha1.HistoryEntry) {
		e.Snapshot, e.SnapshotUID, e.Claim, e.ClaimUID = snapshot, snapshot, claim, uid
	}
}

// TestAnswerGetsItsClaimsUID has answers of the webhook, and claims that the scheduler sees.
func TestAnswerGetsItsClaimsUID(t *testing.T) {
	t.Parallel()
	restored := entry("Restored", 0, about("s", "data-", ""))
	verified := entry("Verified", time.Minute, about("s", "data-x", "uid"))
	empty := entry("StartedEmpty", 0, about("", "data-", ""))
	found := entry("Found", time.Minute, about("", "data-x", "uid"))
	reason := func(r string) func(*v1alpha1.HistoryEntry) {
		return func(e *v1alpha1.HistoryEntry) { e.Reason, e.ID = r, e.ID+r }
	}
	unasked := entry("Found", time.Minute, about("", "data-x", "uid"), reason(v1alpha1.ReasonNotRestored))
	unproven := entry("Found", time.Minute, about("", "data-x", "uid"), reason(v1alpha1.EventLineageUnproven))
	for name, test := range map[string]struct {
		add  []v1alpha1.HistoryEntry
		want []string
	}{
		"a restore":                         {[]v1alpha1.HistoryEntry{restored, verified}, []string{"data-x uid", "data-x uid"}},
		"the answer is written later":       {[]v1alpha1.HistoryEntry{verified, restored}, []string{"data-x uid", "data-x uid"}},
		"the last restore":                  {[]v1alpha1.HistoryEntry{entry("Restored", -2*time.Hour, about("s", "data-", "")), restored, verified}, []string{"data- ", "data-x uid", "data-x uid"}},
		"from another snapshot":             {[]v1alpha1.HistoryEntry{entry("Restored", 0, about("other", "data-", "")), verified}, []string{"data- ", "data-x uid"}},
		"of another volume":                 {[]v1alpha1.HistoryEntry{entry("Restored", 0, about("s", "data-", ""), func(e *v1alpha1.HistoryEntry) { e.Volume = "kafka-1" }), verified}, []string{"data- ", "data-x uid"}},
		"of another claim":                  {[]v1alpha1.HistoryEntry{entry("Restored", 0, about("s", "logs-", "")), verified}, []string{"logs- ", "data-x uid"}},
		"an empty start":                    {[]v1alpha1.HistoryEntry{empty, found}, []string{"data-x uid", "data-x uid"}},
		"an empty start beside a snapshot":  {[]v1alpha1.HistoryEntry{entry("StartedEmpty", 0, about("s", "data-", "")), found}, []string{"data-x uid", "data-x uid"}},
		"the webhook was not asked":         {[]v1alpha1.HistoryEntry{empty, unasked, unproven}, []string{"data- ", "data-x uid", "data-x uid"}},
		"it failed open":                    {[]v1alpha1.HistoryEntry{entry("StartedEmpty", 0, about("", "data-", ""), reason(string(v1alpha1.ReasonInternal))), unasked}, []string{"data-x uid", "data-x uid"}},
		"a restore that is stuck":           {[]v1alpha1.HistoryEntry{restored, found, entry("Verified", time.Hour, about("s", "data-x", "uid"))}, []string{"data-x uid", "data-x uid", "data-x uid"}},
		"an empty start is never verified":  {[]v1alpha1.HistoryEntry{empty, verified}, []string{"data- ", "data-x uid"}},
		"a refusal never gets any":          {[]v1alpha1.HistoryEntry{entry("Refused", 0, about("", "data-x", "")), found}, []string{"data-x ", "data-x uid"}},
		"it was seen before the answer":     {[]v1alpha1.HistoryEntry{found, entry("Restored", time.Hour, about("s", "data-", "")), entry("Found", 2*time.Hour, about("", "data-x", "uid"))}, []string{"data-x uid", "data- ", "data-x uid"}},
		"two answers, one of them is taken": {[]v1alpha1.HistoryEntry{verified, restored, entry("Restored", time.Second, about("s", "data-", ""))}, []string{"data-x uid", "data-x uid", "data- "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			together, apart := &Document{}, &Document{}
			together.Add(Batch{Entries: slices.Clone(test.add)}, noon)
			for _, e := range test.add {
				apart = Parse(apart.Data())
				apart.Add(Batch{Entries: []v1alpha1.HistoryEntry{e}}, noon)
			}
			for _, d := range []*Document{together, Parse(together.Data()), apart} {
				var got []string
				for _, e := range d.Entries() {
					got = append(got, e.Claim+" "+e.ClaimUID)
				}
				if !reflect.DeepEqual(got, test.want) {
					t.Errorf("%q, want %q", got, test.want)
				}
			}
		})
	}
}
