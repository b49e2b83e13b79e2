package history

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func at(offset time.Duration) metav1.Time { return metav1.NewTime(noon.Add(offset)) }

// entry returns an entry of a kind, with an ID of its own.
func entry(kind v1alpha1.HistoryKind, offset time.Duration, change ...func(*v1alpha1.HistoryEntry)) v1alpha1.HistoryEntry {
	e := v1alpha1.HistoryEntry{ID: fmt.Sprint(kind, offset), Time: at(offset), Kind: kind, Namespace: "kafka", Cluster: "main", Volume: "kafka-0", Claim: "data-kafka-0", Actor: "operator", Component: Webhook}
	for _, c := range change {
		c(&e)
	}
	return e
}

func TestRepeatsAreOneEntry(t *testing.T) {
	t.Parallel()
	other := func(e *v1alpha1.HistoryEntry) { e.Reason = "TooOld" }
	snapshot := func(e *v1alpha1.HistoryEntry) { e.SnapshotUID = "another" }
	seen := func(e *v1alpha1.HistoryEntry) { e.ClaimUID = "uid" }
	for name, test := range map[string]struct {
		add  []v1alpha1.HistoryEntry
		want []int // counts
	}{
		"within the hour":    {[]v1alpha1.HistoryEntry{entry("Refused", 0), entry("Refused", time.Minute), entry("Refused", 59*time.Minute)}, []int{3}},
		"an hour later":      {[]v1alpha1.HistoryEntry{entry("Refused", 0), entry("Refused", time.Hour+time.Second)}, []int{0, 0}},
		"for another reason": {[]v1alpha1.HistoryEntry{entry("Refused", 0), entry("Refused", time.Minute, other)}, []int{0, 0}},
		"so are restores":    {[]v1alpha1.HistoryEntry{entry("Restored", 0), entry("Restored", time.Minute)}, []int{2}},
		"of another one":     {[]v1alpha1.HistoryEntry{entry("Restored", 0), entry("Restored", time.Minute, snapshot)}, []int{0, 0}},
		"of claims seen":     {[]v1alpha1.HistoryEntry{entry("Restored", 0, seen), entry("Restored", time.Minute)}, []int{0, 0}},
		"prunes are not":     {[]v1alpha1.HistoryEntry{entry("Pruned", 0), entry("Pruned", time.Minute)}, []int{0, 0}},
		"in another order":   {[]v1alpha1.HistoryEntry{entry("Refused", time.Minute), entry("Refused", 0)}, []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			together, apart := &Document{}, &Document{}
			together.Add(Batch{ID: "a", Entries: test.add}, noon)
			for i, e := range test.add {
				apart = Parse(apart.Data())
				apart.Add(Batch{ID: fmt.Sprint(i), Entries: []v1alpha1.HistoryEntry{e}}, noon)
			}
			for _, d := range []*Document{together, apart} {
				var counts []int
				for _, e := range d.Entries() {
					counts = append(counts, e.Count)
				}
				if !reflect.DeepEqual(counts, test.want) {
					t.Errorf("counts %v, want %v", counts, test.want)
				}
			}
		})
	}
}

func TestRepeatHasFirstAndLastTime(t *testing.T) {
	t.Parallel()
	d := &Document{}
	d.Add(Batch{Entries: []v1alpha1.HistoryEntry{entry("Refused", 0), entry("Restored", time.Second)}}, noon)
	d.Add(Batch{Entries: []v1alpha1.HistoryEntry{entry("Refused", time.Minute, func(e *v1alpha1.HistoryEntry) { e.Admission = "last" })}}, noon)
	all := d.Entries()
	got := all[len(all)-1] // the newest comes last
	if len(all) != 2 || !got.Time.Equal(ptrTo(at(0))) || !got.Last.Equal(ptrTo(at(time.Minute))) || got.Admission != "last" || got.ID != entry("Refused", 0).ID {
		t.Errorf("%+v", all)
	}
}

func ptrTo[T any](v T) *T { return &v }

func TestAddIsIdempotent(t *testing.T) {
	t.Parallel()
	batch := Batch{ID: "a", Entries: []v1alpha1.HistoryEntry{entry("Refused", 0), entry("Pruned", 0)}, Lost: &Gap{Count: 3, Last: at(0)}}
	d := &Document{}
	d.Add(batch, noon)
	want := d.Data()
	d = Parse(want)
	d.Add(batch, noon)
	if got := d.Data(); !reflect.DeepEqual(got, want) {
		t.Errorf("the same batch again: %v\nwant %v", got, want)
	}
	d.Add(Batch{ID: "of the next leader", Entries: batch.Entries}, noon)
	if n := len(d.Entries()); n != 2 || d.Summary.Lost.Count != 3 {
		t.Errorf("%d entries, lost %+v", n, d.Summary.Lost)
	}
}

// TestTenThousand adds what a bad year brings about: the object stays within its limit,
// says what it dropped, and the prunes leave room for the restores.
func TestTenThousand(t *testing.T) {
	t.Parallel()
	const n = 10_000
	long := strings.Repeat("why and what to do ", 15)
	data := map[string]string{}
	for i := 0; i < n; i += 100 {
		d := Parse(data)
		var batch []v1alpha1.HistoryEntry
		for j := range 100 {
			kind := v1alpha1.HistoryPruned
			if j%20 == 0 {
				kind = v1alpha1.HistoryRefused
			}
			batch = append(batch, entry(kind, time.Duration(i+j)*time.Minute, func(e *v1alpha1.HistoryEntry) { e.Claim, e.Message = fmt.Sprint(i+j), long }))
		}
		d.Add(Batch{ID: fmt.Sprint(i), Entries: batch}, noon.Add(n*time.Minute))
		data = d.Data()
	}
	size := sizeOf(data)
	d := Parse(data)
	all := d.Entries()
	if size > 512<<10 || size < 300<<10 || d.Summary.Dropped == nil || d.Summary.Dropped.Count+len(all) != n {
		t.Fatalf("%d bytes, %d entries, dropped %+v", size, len(all), d.Summary.Dropped)
	}
	byKind := map[v1alpha1.HistoryKind][]v1alpha1.HistoryEntry{}
	for _, e := range all {
		byKind[e.Kind] = append(byKind[e.Kind], e)
	}
	if len(byKind["Refused"]) < 300 || len(byKind["Pruned"]) < 300 || all[len(all)-1].Claim != fmt.Sprint(n-1) {
		t.Errorf("%d refusals and %d prunes are left, the last of claim %s", len(byKind["Refused"]), len(byKind["Pruned"]), all[len(all)-1].Claim)
	}
	for kind, some := range byKind {
		for i := 1; i < len(some); i++ { // the oldest went first: nothing is missing in between
			if step := map[v1alpha1.HistoryKind]time.Duration{"Refused": 20 * time.Minute, "Pruned": 2 * time.Minute}[kind]; some[i].Time.Sub(some[i-1].Time.Time) > step {
				t.Errorf("%s: a gap between %s and %s", kind, some[i-1].Time, some[i].Time)
			}
		}
	}
	if last := d.Summary.Dropped.Last.Time; last.Before(noon) || !last.Before(byKind["Pruned"][0].Time.Time) {
		t.Errorf("the last one was dropped at %s, the first prune that is left is of %s", last, byKind["Pruned"][0].Time)
	}
}

func TestWhatCannotBeReadIsKept(t *testing.T) {
	t.Parallel()
	good := newLine(entry("Pruned", 0)).text
	newer := strings.TrimSuffix(good, "}") + `,"id":"newer","ofANewerVersion":{"a":1}}`
	d := Parse(map[string]string{
		keyEntries: "# a note\n" + good + "\n{\"id\":\"x\"}\n" + newer + "\n[]\n",
		keySummary: "{dropped: many}",
		keyUnread:  "from before\n",
	})
	d.Add(Batch{ID: "b", Entries: []v1alpha1.HistoryEntry{entry("Restored", time.Hour)}}, noon)
	data := d.Data()
	if want := "{dropped: many}\nfrom before\n# a note\n{\"id\":\"x\"}\n[]\n"; data[keyUnread] != want {
		t.Errorf("aside: %q, want %q", data[keyUnread], want)
	}
	if want := good + "\n" + newer + "\n"; !strings.HasPrefix(data[keyEntries], want) || len(d.Entries()) != 3 {
		t.Errorf("entries: %q", data[keyEntries])
	}
	d.unread = append(d.unread, strings.Repeat("x", maxUnread))
	d.limit()
	if d.Summary.Unread != 6 || d.Summary.Dropped != nil {
		t.Errorf("what cannot be read has a limit too: %+v", d.Summary)
	}
}

// TestEditedTimesAndNumbers has somebody edit the object, or a clock that was wrong:
// neither pushes the true entries out, nor stays for ever.
func TestEditedTimesAndNumbers(t *testing.T) {
	t.Parallel()
	var edited strings.Builder
	for edited.Len() < 2*maxEntries {
		edited.WriteString(newLine(entry("Refused", 1000*time.Hour, func(e *v1alpha1.HistoryEntry) { e.ID, e.Claim = fmt.Sprint(edited.Len()), fmt.Sprint(edited.Len()) })).text + "\n")
	}
	d := Parse(map[string]string{
		keyEntries: edited.String() + `{"id":"long","kind":"Pruned","time":"2026-03-01T12:00:00Z","message":"` + strings.Repeat("x", maxLine) + "\"}\n",
		keySummary: `{"dropped":{"count":9223372036854775807,"last":"2999-01-01T00:00:00Z"},"batches":["` + strings.Repeat("b", 1<<20) + `"]}`,
	})
	d.Add(Batch{ID: "b", Entries: []v1alpha1.HistoryEntry{entry("Restored", 0)}}, noon)
	all := d.Entries()
	if last := all[len(all)-1]; last.Kind != "Restored" || len(all) < 2 {
		t.Errorf("the newest of %d entries: %+v", len(all), last)
	}
	if g := d.Summary.Dropped; g == nil || g.Count < maxCount || !g.Last.Time.Equal(noon) {
		t.Errorf("dropped %+v", g)
	}
	if size := sizeOf(d.Data()); size > 512<<10 {
		t.Errorf("%d bytes", size)
	}
}

func sizeOf(data map[string]string) (size int) {
	for key, text := range data {
		size += len(key) + len(text)
	}
	return size
}

// FuzzParse has a tenant edit the object: nothing blocks the next entry, nothing grows
// without limit, and what is written can be read.
func FuzzParse(f *testing.F) {
	good := newLine(entry("Refused", 0)).text
	f.Add(good+"\n", `{"dropped":{"count":-7,"last":"2026-03-01T12:00:00Z"},"batches":["a"]}`, "x")
	f.Add(good+good, "null", "\r\n\x00")
	f.Add(`{"id":"a","kind":"Refused","time":"0001-01-01T00:00:01Z","count":-9}`, "[]", "")
	f.Fuzz(func(t *testing.T, entries, summary, unread string) {
		d := Parse(map[string]string{keyEntries: entries, keySummary: summary, keyUnread: unread})
		d.Add(Batch{ID: "new", Entries: []v1alpha1.HistoryEntry{entry("Restored", time.Hour)}}, noon)
		data := d.Data()
		again := Parse(data)
		if got := again.Data(); !reflect.DeepEqual(got, data) {
			t.Errorf("read again: %q\nwas %q", got, data)
		}
		if n := sizeOf(data); n > 512<<10 {
			t.Errorf("%d bytes", n)
		}
	})
}
