package snapshots_test

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPinned checks claims with the webhook's annotations, and without them, since
// operators may remove them.
func TestPinned(t *testing.T) {
	t.Parallel()
	owned := func(fields string) func(*corev1.PersistentVolumeClaim) {
		return func(pvc *corev1.PersistentVolumeClaim) {
			pvc.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "operator", FieldsV1: metav1.NewFieldsV1(fields)}}
		}
	}
	byWebhook := owned(`{"f:metadata":{"f:labels":{}},"f:spec":{"f:resources":{}}}`)
	byCreator := owned(`{"f:spec":{"f:dataSource":{},"f:resources":{}}}`)
	given := func() *snapshotstest.Claim { return brokerClaim().Annotate(v1alpha1.AnnotationRestoredFrom, "s") }
	before := snapshots.Policy{v1alpha1.AnnotationRestoreBefore: "2026-01-01T00:00:00Z"}
	for name, test := range map[string]struct {
		claim  *snapshotstest.Claim
		fields func(*corev1.PersistentVolumeClaim)
		source *snapshotstest.Snapshot
		policy snapshots.Policy
		want   bool
	}{
		"the webhook's choice":             {claim: given(), want: false},
		"a pin":                            {claim: given().Annotate(v1alpha1.AnnotationRestoredBy, "restore-before"), want: true},
		"a pin that came later":            {claim: given(), policy: before, want: false},
		"chosen by the creator":            {claim: brokerClaim(), fields: byCreator, want: true},
		"by the creator, in the other way": {claim: brokerClaim(), fields: owned(`{"f:spec":{"f:dataSourceRef":{}}}`), want: true},
		"stripped":                         {claim: brokerClaim(), fields: byWebhook, want: false},
		"stripped of all":                  {claim: brokerClaim(), want: false},
		"stripped, the snapshot is pinned": {claim: brokerClaim(), fields: byWebhook, source: ready(hour).Annotate(v1alpha1.AnnotationRestoreNext, "true"), want: true},
		"stripped, a pin is in force":      {claim: brokerClaim(), fields: byWebhook, policy: before, want: true},
	} {
		pvc := test.claim.Obj()
		if test.fields != nil {
			test.fields(pvc)
		}
		source := snapshots.Snapshot{Name: "s"}
		if test.source != nil {
			source = read(t, test.source)
		}
		if got := snapshots.Pinned(pvc, source, test.policy); got != test.want {
			t.Errorf("%s: pinned %t", name, got)
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

// TestSnapshotPins checks which annotations of a snapshot decide about the next
// claim. An expired one does not count.
func TestSnapshotPins(t *testing.T) {
	t.Parallel()
	const next, empty = v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationStartEmptyUntil
	at := func(age time.Duration) string { return ago(age).Format(time.RFC3339) }
	for name, test := range map[string]struct {
		annotations map[string]string
		want        []string
	}{
		"nothing":                       {},
		"to be restored":                {map[string]string{next: "true"}, []string{next}},
		"to start empty, for a second":  {map[string]string{empty: at(-time.Second)}, []string{empty}},
		"to start empty, until now":     {map[string]string{empty: at(0)}, nil},
		"to start empty, until earlier": {map[string]string{empty: at(hour)}, nil},
		"to start empty, until no time": {map[string]string{empty: "tomorrow"}, nil},
		"both":                          {map[string]string{next: "true", empty: at(-hour)}, []string{next, empty}},
	} {
		if got := (&snapshots.Snapshot{Annotations: test.annotations}).Pins(now); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// TestAnswered checks which annotations a restore removes from its snapshot. If they
// stayed, the next claim of the volume would be pinned to it too.
func TestAnswered(t *testing.T) {
	t.Parallel()
	const next, abandoned, hold = v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationAbandoned, v1alpha1.AnnotationHold
	for name, test := range map[string]struct {
		on   []string
		want []string
	}{
		"nothing":                     {},
		"a pin":                       {[]string{next}, []string{next}},
		"one that was left aside":     {[]string{abandoned}, []string{abandoned}},
		"both, and a person holds it": {[]string{hold, abandoned, next}, []string{next, abandoned}},
	} {
		s := snapshots.Snapshot{Annotations: map[string]string{}}
		for _, annotation := range test.on {
			s.Annotations[annotation] = "true"
		}
		if got := snapshots.Answered(s); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
