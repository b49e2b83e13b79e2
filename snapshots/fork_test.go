package snapshots_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/snapshots"
)

func TestPinned(t *testing.T) {
	given := brokerClaim().Annotate(snapshots.AnnotationRestoredFrom, "s")
	for name, test := range map[string]struct{ got, want bool }{
		"the webhook's choice":  {snapshots.Pinned(given.Obj()), false},
		"a pin":                 {snapshots.Pinned(given.Annotate(snapshots.AnnotationRestoredBy, "restore-before").Obj()), true},
		"chosen by the creator": {snapshots.Pinned(brokerClaim().Obj()), true},
	} {
		if test.got != test.want {
			t.Errorf("%s: pinned %t", name, test.got)
		}
	}
}

func TestLeftAside(t *testing.T) {
	pvc := brokerClaim().Obj()
	pvc.UID, pvc.CreationTimestamp = "restored", metav1.NewTime(ago(2*hour))
	source := taken("source", "v", 6*hour, "r")
	own := taken("own", "v", 3*hour, "r") // of a run that was made up
	own.SourcePVCUID = "restored"
	all := []snapshots.Snapshot{
		source, own,
		taken("earlier", "v", 7*hour, "r"), taken("tail", "v", 5*hour, "r"), taken("unready", "v", 4*hour, ""), taken("uncut", "v", 4*hour, "f"),
		taken("known", "v", 5*hour, "ra"), taken("deleting", "v", 5*hour, "rd"), taken("other", "w", 5*hour, "r"),
		taken("at once", "v", 2*hour, "r"), taken("later", "v", hour, "r"),
	}
	if got, want := names(snapshots.LeftAside(all, source, pvc)), []string{"tail", "unready", "uncut"}; !slices.Equal(got, want) {
		t.Errorf("%v are left aside, want %v", got, want)
	}
}

func TestUnpromoted(t *testing.T) {
	old := snapshotOf(ago(4*hour)).Ready().Lineage("old", true)
	first := snapshotOf(ago(3*hour)).Ready().Lineage("new", false)
	second := snapshotOf(ago(2*hour)).Ready().Lineage("new", false)
	uncut := snapshotOf(ago(hour)).Lineage("new", false)
	if s, ok := snapshots.Unpromoted(readAll(t, old, first, second, uncut), "new"); !ok || s.Name != second.Obj().Name {
		t.Errorf("the newest that is cut expected: %t, %s", ok, s.Name)
	}
	if s, ok := snapshots.Unpromoted(readAll(t, old, first.Lineage("new", true), second), "new"); ok {
		t.Errorf("%s is to be marked although one is", s.Name)
	}
	if s, ok := snapshots.Unpromoted(readAll(t, old), "new"); ok {
		t.Errorf("%s is to be marked, of another lineage", s.Name)
	}
}
