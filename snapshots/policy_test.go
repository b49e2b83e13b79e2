package snapshots_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// controlValues holds two values of each control annotation. If two KafkaBackups have
// them, the first one wins.
var controlValues = map[string][2]string{
	v1alpha1.AnnotationRestore:         {"off", "latest"},
	v1alpha1.AnnotationRestoreUnusable: {"deny", "empty"},
	v1alpha1.AnnotationRestoreQuorum:   {"true", "empty"},
}

// levels are the objects in which an annotation is looked up, the nearest first.
var levels = []string{"PVC", "KafkaBackup", "namespace", "newest snapshot"}

// annotated sets the annotation at each level to the value at its index; an empty
// value leaves it out. All annotations of a snapshot count only if there is no
// KafkaBackup.
func annotated(annotation string, values [4]string) sources {
	at := make([]map[string]string, len(values))
	for i, value := range values {
		at[i] = map[string]string{"unrelated": "x"}
		if value != "" {
			at[i][annotation] = value
		}
	}
	from := sources{PVC: at[0], Namespace: at[2], Newest: at[3]}
	if values[1] != "" {
		from.Backups = []snapshots.Backup{{Annotations: at[1]}}
	}
	return from
}

func wantPolicy(t *testing.T, from sources, want snapshots.Policy) {
	t.Helper()
	got, err := from.policy()
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestPolicyNearestWins(t *testing.T) {
	for annotation, values := range controlValues {
		for near := range levels {
			for _, pair := range [][2]string{{values[0], values[1]}, {values[1], values[0]}} {
				t.Run(fmt.Sprintf("%s=%s on the %s", annotation, pair[0], levels[near]), func(t *testing.T) {
					var set [4]string
					for i := range levels {
						switch {
						case i == near:
							set[i] = pair[0]
						case i > near:
							set[i] = pair[1]
						}
					}
					wantPolicy(t, annotated(annotation, set), snapshots.Policy{annotation: pair[0]})
				})
			}
		}
	}
}

// TestPolicyOutlivesNoRemoval checks an annotation that was removed from a
// KafkaBackup and is still on the newest snapshot. It must not let a volume start
// empty.
func TestPolicyOutlivesNoRemoval(t *testing.T) {
	t.Parallel()
	carried := map[string]string{
		v1alpha1.AnnotationRestore: "latest", v1alpha1.AnnotationRestoreMaxAge: "20h", v1alpha1.AnnotationRestoreUnusable: "empty",
		v1alpha1.AnnotationRestoreQuorum: "empty", v1alpha1.AnnotationRestoreOtherCluster: "true", v1alpha1.AnnotationRestoreOrphanAge: "9000h",
	}
	wantPolicy(t, sources{Newest: carried}, carried)
	wantPolicy(t, sources{Backups: []snapshots.Backup{{Name: "hourly"}}, Newest: carried},
		snapshots.Policy{v1alpha1.AnnotationRestore: "latest", v1alpha1.AnnotationRestoreMaxAge: "20h"})
	small := optedIn().Request("512Mi")
	from := sources{Backups: []snapshots.Backup{{Name: "hourly"}}}
	spoilt := snapshotOf(ago(hour)).Ready().Annotate(v1alpha1.AnnotationRestoreUnusable, "empty")
	if d := (decision{claim: small, from: from}).ask(t, readAll(t, spoilt), now); d.Outcome != v1alpha1.OutcomeDeny || d.Reason != v1alpha1.ReasonTooSmall {
		t.Errorf("after restore-unusable was taken off the KafkaBackup: %s %s %s", d.Outcome, d.Reason, d.Message)
	}
}

func TestPolicyOfNothing(t *testing.T) {
	wantPolicy(t, sources{}, snapshots.Policy{})
	wantPolicy(t, annotated("snapback.dev/other", [4]string{"x", "x", "x", "x"}), snapshots.Policy{})
}

func TestPolicyLooksEachAnnotationUpAlone(t *testing.T) {
	wantPolicy(t, sources{
		PVC:       map[string]string{v1alpha1.AnnotationRestoreUnusable: "empty"},
		Backups:   []snapshots.Backup{{Annotations: map[string]string{v1alpha1.AnnotationRestoreQuorum: "empty"}}},
		Namespace: map[string]string{v1alpha1.AnnotationRestoreQuorum: "true"},
		Newest:    map[string]string{v1alpha1.AnnotationRestore: "latest", v1alpha1.AnnotationRestoreUnusable: "deny", v1alpha1.AnnotationRestoreOtherCluster: "true"},
	}, snapshots.Policy{
		v1alpha1.AnnotationRestore: "latest", v1alpha1.AnnotationRestoreUnusable: "empty", v1alpha1.AnnotationRestoreQuorum: "empty",
	})
}

func TestPolicyOfTwoBackups(t *testing.T) {
	for annotation, values := range controlValues {
		one := snapshots.Backup{Name: "one", Annotations: map[string]string{annotation: values[0]}}
		other := snapshots.Backup{Name: "other", Annotations: map[string]string{annotation: values[1]}}
		silent := snapshots.Backup{Name: "silent"}
		for name, test := range map[string]struct {
			backups []snapshots.Backup
			want    string
		}{
			"both, one first":   {[]snapshots.Backup{one, other}, values[0]},
			"both, other first": {[]snapshots.Backup{other, one}, values[0]},
			"one and a silent":  {[]snapshots.Backup{silent, other}, values[1]},
			"twice the same":    {[]snapshots.Backup{other, other}, values[1]},
		} {
			t.Run(annotation+", "+name, func(t *testing.T) {
				wantPolicy(t, sources{Backups: test.backups}, snapshots.Policy{annotation: test.want})
			})
		}
	}
}

// An invalid value is an error at every level, also if a nearer value hides it. So
// people find the mistake when they make it, not when they need the value.
func TestPolicyRefusesInvalidValues(t *testing.T) {
	for annotation, values := range controlValues {
		for at := range levels {
			for _, bad := range []string{"yes", strings.ToUpper(values[1]), values[1] + " ", "2026-03-01T12:00:00Z"} {
				set := [4]string{values[1], values[1], values[1], values[1]}
				set[at] = bad
				if levels[at] == "newest snapshot" {
					set[1] = "" // beside a KafkaBackup it is not read
				}
				policy, err := annotated(annotation, set).policy()
				if err == nil {
					t.Errorf("%s=%q on the %s: got %v, want an error", annotation, bad, levels[at], policy)
					continue
				}
				for _, part := range append([]string{annotation, bad}, values[:]...) {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%s=%q on the %s: the error does not name %q: %v", annotation, bad, levels[at], part, err)
					}
				}
			}
		}
	}
}

func TestPolicyRefusesAnEmptyValue(t *testing.T) {
	for annotation := range controlValues {
		from := sources{PVC: map[string]string{annotation: ""}}
		if policy, err := from.policy(); err == nil {
			t.Errorf("%s without a value: got %v, want an error", annotation, policy)
		}
	}
}

func TestPolicyRefusesAnInvalidValueOfTheSecondBackup(t *testing.T) {
	good := snapshots.Backup{Annotations: optIn()}
	bad := snapshots.Backup{Annotations: map[string]string{v1alpha1.AnnotationRestore: "newest"}}
	for _, backups := range [][]snapshots.Backup{{good, bad}, {bad, good}} {
		from := sources{Backups: slices.Clone(backups)}
		if policy, err := from.policy(); err == nil {
			t.Errorf("got %v, want an error", policy)
		}
	}
}
