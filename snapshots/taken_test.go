package snapshots_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// takenOf returns a ready snapshot of a claim and its volume.
func takenOf(claim string, hours int) *snapshotstest.Snapshot {
	return snapshotOf(ago(time.Duration(hours)*hour)).Ready().Annotate(v1alpha1.AnnotationSourcePVCUID, claim).
		Annotate(v1alpha1.AnnotationVolumeHandle, "volume-of-"+claim).Annotate(v1alpha1.AnnotationSourcePV, "pv-of-"+claim)
}

// TestTakenOfAnother has the newest snapshot taken of the claim that came after the one
// that it names. Nobody knows what was on that volume, unless another snapshot of it does.
func TestTakenOfAnother(t *testing.T) {
	good, wrong := takenOf("first", 2), takenOf("first", 1)
	for what, test := range map[string]struct {
		others []*snapshotstest.Snapshot
		want   snapshots.Lineage
		gets   *snapshotstest.Snapshot
	}{
		"no other snapshot of that volume":   {list(good), snapshots.Lineage{ID: "volume-of-second"}, good},
		"one of a volume that came back":     {list(good, takenOf("second", 3).Lineage("second", false)), snapshots.Lineage{ID: "second"}, good},
		"one of a volume that was restored":  {list(good, takenOf("second", 3)), snapshots.Lineage{ID: "first", Proven: true}, wrong},
		"one of that name of another driver": {list(good, takenOf("second", 3).Annotate(v1alpha1.AnnotationDriver, "other")), snapshots.Lineage{ID: "volume-of-second"}, good},
		"it is all that there is":            {nil, snapshots.Lineage{ID: "volume-of-second"}, wrong},
	} {
		t.Run(what, func(t *testing.T) {
			all := []snapshots.Snapshot{read(t, wrong)}
			for _, s := range test.others {
				all = append(all, read(t, s))
			}
			const handle = "volume-of-second"
			if s := all[0]; s.IsOfAnother("") || s.IsOfAnother("volume-of-first") || !s.IsOfAnother(handle) {
				t.Fatal("what it says is not compared with the truth")
			}
			all[0] = all[0].TakenOf(all[0].OriginOf(handle, all))
			if got := all[0]; got.Lineage != test.want || got.IsOfAnother(handle) || got.SourcePVCUID == "first" || got.Annotations[v1alpha1.AnnotationSourcePV] == "pv-of-first" {
				t.Errorf("%+v, lineage %+v expected", got, test.want)
			}
			if d := (decision{claim: optedIn()}).ask(t, all, now); d.SnapshotName() != test.gets.Obj().Name {
				t.Errorf("the claim gets %q: %s", d.SnapshotName(), d.Message)
			}
		})
	}
}

// TestOriginAnnotations compares what is written to a snapshot with what is made of it in
// memory.
func TestOriginAnnotations(t *testing.T) {
	for _, o := range []snapshots.Origin{
		{Handle: "volume", PV: "pv", ClaimUID: "claim", Lineage: snapshots.Lineage{ID: "lineage", Proven: true}},
		{Handle: "volume", Lineage: snapshots.Lineage{ID: "volume"}},
	} {
		written := takenOf("first", 1).Obj()
		for key, value := range o.Annotations() {
			if text, set := value.(string); set {
				written.Annotations[key] = text
			} else {
				delete(written.Annotations, key)
			}
		}
		want, err := snapshots.NewSnapshot(written)
		if err != nil {
			t.Fatal(err)
		}
		want = want.Lean()
		got := read(t, takenOf("first", 1)).Lean().TakenOf(o)
		if got.Lineage != want.Lineage || got.SourcePVCUID != want.SourcePVCUID || !maps.Equal(got.Annotations, want.Annotations) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// TestDoubtful has a claim that is live and one that is gone.
func TestDoubtful(t *testing.T) {
	created := func(s *snapshotstest.Snapshot, hours int) snapshots.Snapshot {
		o := read(t, s)
		o.Created = ago(time.Duration(hours) * hour)
		return o
	}
	uncut := created(takenOf("gone", 1), 1)
	uncut.Cut, uncut.Ready = time.Time{}, false
	imported := created(takenOf("gone", 1), 1)
	imported.Imported = true
	terminating := created(takenOf("gone", 1), 1)
	terminating.Deleting = true
	second, third := created(takenOf("gone", 2), 2), created(takenOf("gone", 3), 3)
	late := created(takenOf("gone", 4).Cut(ago(4*hour)), 20)
	live := created(takenOf("live", 1), 1)
	for what, test := range map[string]struct{ all, want []snapshots.Snapshot }{
		"the claim is live":                 {[]snapshots.Snapshot{live}, nil},
		"nobody knows the claim":            {[]snapshots.Snapshot{created(takenOf("", 1), 1)}, nil},
		"the last one of a claim":           {[]snapshots.Snapshot{live, second, third}, []snapshots.Snapshot{second}},
		"the last one of a claim, unsorted": {[]snapshots.Snapshot{third, live, second}, []snapshots.Snapshot{second}},
		"the last one that is cut":          {[]snapshots.Snapshot{uncut, second, third}, []snapshots.Snapshot{second}},
		"the last one that is Snapback's":   {[]snapshots.Snapshot{imported, terminating, second}, []snapshots.Snapshot{second}},
		"one that was cut long after":       {[]snapshots.Snapshot{second, late}, []snapshots.Snapshot{late, second}},
	} {
		got := snapshots.Doubtful(test.all, map[string]bool{"live": true})
		if !slices.EqualFunc(got, test.want, func(a, b snapshots.Snapshot) bool {
			return a.Name == b.Name && a.Imported == b.Imported && a.Deleting == b.Deleting
		}) {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// TestJustTaken has the clock of the storage ahead of ours, and behind it.
func TestJustTaken(t *testing.T) {
	for what, test := range map[string]struct {
		run, created, cut time.Duration
		want              bool
	}{
		"long ago":                              {hour, hour, hour, false},
		"five minutes ago":                      {5 * time.Minute, 5 * time.Minute, 5 * time.Minute, false},
		"just now":                              {5*time.Minute - time.Second, hour, 5*time.Minute - time.Second, true},
		"a run that was late":                   {hour, hour, time.Minute, true},
		"the clock of the storage is behind":    {time.Minute, hour, hour, true},
		"it is behind, and the run was late":    {hour, time.Minute, hour, true},
		"the clock of the storage is far ahead": {hour, hour, -hour, true},
	} {
		s := snapshots.Snapshot{Scheduled: ago(test.run), Created: ago(test.created), Cut: ago(test.cut)}
		if s.JustTaken(now) != test.want {
			t.Errorf("%s: %t expected", what, test.want)
		}
	}
}
