package snapshots_test

import (
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// An operator copies a refusal into its status, and a changed status makes it
// try again at once: the same cause must give the same bytes.
func TestRefusalsAreByteIdentical(t *testing.T) {
	for _, test := range denied {
		t.Run(test.name, func(t *testing.T) {
			r := rand.New(rand.NewSource(1))
			all := readAll(t, append(slices.Clone(test.all), uncut, going, oldest)...)
			want := test.ask(t, slices.Clone(all), now)
			if want.Outcome != v1alpha1.OutcomeDeny || want.Reason != test.reason {
				t.Fatalf("got %s %s, want %s %s", want.Outcome, want.Reason, v1alpha1.OutcomeDeny, test.reason)
			}
			for at := now; at.Before(now.Add(48 * hour)); at = at.Add(17 * time.Minute) {
				r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				if got := test.ask(t, slices.Clone(all), at); got.Message != want.Message || got.Reason != want.Reason {
					t.Fatalf("at %s it says %q, said %q", at, got.Message, want.Message)
				}
			}
			for _, s := range all {
				for _, part := range []string{s.Name, string(s.UID), "2026"} {
					if strings.Contains(want.Message, part) {
						t.Errorf("%q names what changes with each run: %q", want.Message, part)
					}
				}
			}
		})
	}
}

func TestDecideIgnoresTheOrder(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for _, test := range slices.Concat(allowed, restored) {
		all := readAll(t, test.all...)
		for range 20 {
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			given := names(all)
			if got := test.ask(t, all, now); got.Reason != test.reason || test.snapshot != nil && got.SnapshotName() != test.snapshot.Obj().Name {
				t.Errorf("%s, given %v: got %s of %q", test.name, given, got.Reason, got.SnapshotName())
			}
			if !slices.Equal(names(all), given) {
				t.Errorf("%s: the snapshots it was given are now %v, were %v", test.name, names(all), given)
			}
		}
	}
}

// The storage's clock, and the creation time of an object, do not say which data
// is newer: a run that started late has its scheduled time.
func TestNewestIsTheScheduledTime(t *testing.T) {
	early := snapshotOf(ago(2 * hour)).Ready().Cut(now).Obj()
	late := snapshotOf(ago(1 * hour)).Ready().Cut(ago(3 * hour)).Obj()
	early.CreationTimestamp, late.CreationTimestamp = metav1.NewTime(now), metav1.NewTime(ago(5*hour))
	var all []snapshots.Snapshot
	for _, vs := range []*snapshotv1.VolumeSnapshot{early, late} {
		s, err := snapshots.NewSnapshot(vs)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if got := (decision{claim: optedIn()}).ask(t, all, now); got.SnapshotName() != late.Name {
		t.Errorf("got %s, want %s", got.SnapshotName(), late.Name)
	}
}

// The carried policy is that of the newest snapshot that can be restored.
func TestPolicyOfTheNewestCandidate(t *testing.T) {
	say := func(s *snapshotstest.Snapshot, value string) *snapshotstest.Snapshot {
		return s.Annotate(v1alpha1.AnnotationRestore, value)
	}
	for _, test := range []struct {
		name   string
		all    []*snapshotstest.Snapshot
		reason v1alpha1.Reason
	}{
		{"of two the newer", list(say(snapshotOf(ago(hour)).Ready(), "off"), say(snapshotOf(ago(2*hour)).Ready(), latest)), v1alpha1.ReasonOptedOut},
		{"of two the newer, the other way", list(say(snapshotOf(ago(hour)).Ready(), latest), say(snapshotOf(ago(2*hour)).Ready(), "off")), v1alpha1.ReasonRestored},
		{"not of an older one", list(snapshotOf(ago(hour)).Ready(), say(snapshotOf(ago(2*hour)).Ready(), latest)), v1alpha1.ReasonNotOptedIn},
		{"also of one that is not ready", list(say(snapshotOf(ago(hour)).Cut(now), latest), snapshotOf(ago(2*hour)).Ready()), v1alpha1.ReasonRestored},
		{"not of one that is not cut", list(say(snapshotOf(ago(hour)), "off"), say(snapshotOf(ago(2*hour)).Ready(), latest)), v1alpha1.ReasonRestored},
		{"not of one that is being deleted", list(say(snapshotOf(ago(hour)).Ready().Terminating(now), "off"), say(snapshotOf(ago(2*hour)).Ready(), latest)), v1alpha1.ReasonRestored},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := (decision{}).ask(t, readAll(t, test.all...), now); got.Reason != test.reason {
				t.Errorf("got %s, want %s: %s", got.Reason, test.reason, got.Message)
			}
		})
	}
}

func TestAgeWarning(t *testing.T) {
	for _, test := range []struct {
		name string
		age  time.Duration
		all  *snapshotstest.Snapshot
		says string // none: no warning
	}{
		{"fresh", 0, snapshotOf(now).Ready(), ""},
		{"of the future", -hour, snapshotOf(now.Add(hour)).Ready(), ""},
		{"20 h", 20 * hour, snapshotOf(ago(20 * hour)).Ready(), ""},
		{"over 20 h", 20*hour + time.Second, snapshotOf(ago(20*hour + time.Second)).Ready(), "20h"},
		{"a month", 720 * hour, snapshotOf(ago(720 * hour)).Ready(), "720h"},
		{"a day, not ready", 24 * hour, snapshotOf(ago(24 * hour)).Cut(now), "24h"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := decision{claim: optedIn()}.ask(t, readAll(t, test.all), now)
			if got.Outcome != v1alpha1.OutcomeRestore || len(got.Warnings) > 1 || (len(got.Warnings) == 1) != (test.says != "") {
				t.Fatalf("got %s with warnings %q, want %q", got.Reason, got.Warnings, test.says)
			}
			for _, part := range []string{test.says, test.all.Obj().Name, "delete.retention.ms"} {
				if test.says != "" && !strings.Contains(got.Warnings[0], part) {
					t.Errorf("the warning does not say %q: %s", part, got.Warnings[0])
				}
			}
		})
	}
}

func TestCandidates(t *testing.T) {
	all := readAll(t, older, uncut, newest, going, cut, oldest)
	twin := read(t, newest)
	twin.Name += "-twin"
	all = append(all, twin)
	given := names(all)
	want := []string{cut.Obj().Name, twin.Name, newest.Obj().Name, older.Obj().Name, oldest.Obj().Name}
	if got := names(snapshots.Candidates(all)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !slices.Equal(names(all), given) {
		t.Errorf("the snapshots it was given are now %v, were %v", names(all), given)
	}
}

func TestCreatorChose(t *testing.T) {
	source := &corev1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "template"}
	reference := &corev1.TypedObjectReference{Kind: "PersistentVolumeClaim", Name: "template"}
	for _, test := range []struct {
		name   string
		spec   corev1.PersistentVolumeClaimSpec
		reason v1alpha1.Reason // none: it is for us to decide
	}{
		{"nothing", corev1.PersistentVolumeClaimSpec{}, ""},
		{"dataSource", corev1.PersistentVolumeClaimSpec{DataSource: source}, v1alpha1.ReasonDataSourceSet},
		{"dataSourceRef", corev1.PersistentVolumeClaimSpec{DataSourceRef: reference}, v1alpha1.ReasonDataSourceSet},
		{"volumeName", corev1.PersistentVolumeClaimSpec{VolumeName: "pv-1"}, v1alpha1.ReasonVolumeNameSet},
		{"selector", corev1.PersistentVolumeClaimSpec{Selector: &metav1.LabelSelector{}}, v1alpha1.ReasonSelectorSet},
		{"all of them", corev1.PersistentVolumeClaimSpec{DataSource: source, VolumeName: "pv-1", Selector: &metav1.LabelSelector{}}, v1alpha1.ReasonDataSourceSet},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := snapshots.CreatorChose(&corev1.PersistentVolumeClaim{Spec: test.spec})
			if ok != (test.reason != "") || got.Reason != test.reason || ok && got.Outcome != v1alpha1.OutcomeAllow || got.Snapshot != nil {
				t.Errorf("got %t, %+v; want %q", ok, got, test.reason)
			}
		})
	}
}
