package snapshots_test

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

func TestNewBackup(t *testing.T) {
	b := parse(t, hourly().In("prod").Annotate(v1alpha1.AnnotationRestore, latest).Spec(func(s *v1alpha1.KafkaBackupSpec) {
		s.RetentionTime = "12h30m"
		s.RetentionCount = ptr.To(int32(24))
		s.StartingDeadlineSeconds = ptr.To(int64(300))
		s.Suspend = true
		s.VolumeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
	}))
	if b.Namespace != "prod" || b.Name != "kafka-hourly" || b.Cluster != "kafka" || b.Class != "csi-snapshots" {
		t.Errorf("namespace, name, cluster and class: %q, %q, %q, %q", b.Namespace, b.Name, b.Cluster, b.Class)
	}
	if want := (snapshots.Retention{Time: 12*time.Hour + 30*time.Minute, Count: 24}); b.Retention != want {
		t.Errorf("retention %+v, want %+v", b.Retention, want)
	}
	if b.Deadline == nil || *b.Deadline != 5*time.Minute {
		t.Errorf("deadline %v, want 5m", b.Deadline)
	}
	if !b.Suspended {
		t.Error("not suspended")
	}
	if !maps.Equal(b.Annotations, optIn()) {
		t.Errorf("annotations %v", b.Annotations)
	}
	if !b.VolumeSelector.Matches(labels.Set{"tier": "gold"}) || b.VolumeSelector.Matches(labels.Set{"tier": "silver"}) {
		t.Errorf("volumeSelector %v", b.VolumeSelector)
	}
}

func TestNewBackupWithoutOptionalFields(t *testing.T) {
	b := parse(t, hourly())
	if b.Retention != (snapshots.Retention{}) || b.Deadline != nil || b.VolumeSelector != nil || b.Suspended {
		t.Errorf("got %+v, want nothing set", b)
	}
	b = parse(t, hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.StartingDeadlineSeconds = ptr.To(int64(0)) }))
	if b.Deadline == nil || *b.Deadline != 0 {
		t.Errorf("deadline %v, want 0s, which is not none", b.Deadline)
	}
}

func TestNewBackupNamesTheBadField(t *testing.T) {
	type spec = v1alpha1.KafkaBackupSpec
	for _, test := range []struct {
		name   string
		change func(*spec)
		field  string
		value  string // what the error repeats
	}{
		{"retentionTime, no duration", func(s *spec) { s.RetentionTime = "12 hours" }, "spec.retentionTime", "12 hours"},
		{"retentionTime, no unit", func(s *spec) { s.RetentionTime = "12" }, "spec.retentionTime", `"12"`},
		{"retentionTime, days", func(s *spec) { s.RetentionTime = "7d" }, "spec.retentionTime", "7d"},
		{"retentionTime, zero", func(s *spec) { s.RetentionTime = "0s" }, "spec.retentionTime", "0s"},
		{"retentionTime, negative", func(s *spec) { s.RetentionTime = "-1h" }, "spec.retentionTime", "-1h"},
		{"retentionTime, too long", func(s *spec) { s.RetentionTime = "9999999h" }, "spec.retentionTime", "9999999h"},
		{"promoteAfter, no duration", func(s *spec) { s.PromoteAfter = "soon" }, "spec.promoteAfter", "soon"},
		{"promoteAfter, zero", func(s *spec) { s.PromoteAfter = "0s" }, "spec.promoteAfter", "0s"},
		{"promoteAfter, negative", func(s *spec) { s.PromoteAfter = "-1h" }, "spec.promoteAfter", "-1h"},
		{"volumeSelector, operator", func(s *spec) {
			s.VolumeSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: "Is"}}}
		}, "spec.volumeSelector", "Is"},
		{"volumeSelector, value", func(s *spec) {
			s.VolumeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "not a label"}}
		}, "spec.volumeSelector", "not a label"},
	} {
		t.Run(test.name, func(t *testing.T) {
			kb := hourly().Annotate(v1alpha1.AnnotationRestore, latest).Spec(test.change)
			b, err := snapshots.NewBackup(kb.Obj())
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range []string{test.field, test.value} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not name %q: %v", part, err)
				}
			}
			// Its annotations about restores are in force nevertheless.
			if b.Namespace != "kafka" || b.Cluster != "kafka" || b.Name != "kafka-hourly" || !maps.Equal(b.Annotations, optIn()) {
				t.Errorf("the rest is lost: %+v", b)
			}
		})
	}
}

// TestNewBackupOfAnOlderCRD parses specs that the current CRD refuses. They must
// not prune snapshots that a valid spec keeps, nor stop the runs.
func TestNewBackupOfAnOlderCRD(t *testing.T) {
	for _, count := range []int32{math.MinInt32, -1, 0, 1} {
		b := parse(t, hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionCount = ptr.To(count) }))
		now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
		var all []snapshots.Snapshot
		for n := range 2 {
			all = append(all, snapshots.Snapshot{Name: fmt.Sprint(n), Volume: "v", Ready: true, Scheduled: now.Add(-time.Duration(n+1) * time.Hour)})
		}
		if gone := b.Retention.Prunable(all, nil, now); len(gone) > 0 {
			t.Errorf("retentionCount %d: of the newest two go %v", count, gone)
		}
	}
	for _, seconds := range []int64{31622401, 1e10, math.MaxInt64} {
		b := parse(t, hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.StartingDeadlineSeconds = ptr.To(seconds) }))
		if b.Deadline != nil && *b.Deadline <= 366*24*time.Hour {
			t.Errorf("startingDeadlineSeconds %d: %s", seconds, b.Deadline)
		}
	}
}

func TestNewBackupKeepsTheSelectorOfABadSpec(t *testing.T) {
	kb := hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) {
		s.VolumeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
		s.RetentionTime = "soon"
	})
	b, err := snapshots.NewBackup(kb.Obj())
	if err == nil || b.VolumeSelector == nil || !b.VolumeSelector.Matches(labels.Set{"tier": "gold"}) {
		t.Errorf("got selector %v, error %v; want both", b.VolumeSelector, err)
	}
}

// TestRefusedRetentionKeepsEverything has specs that a ConfigMap may hold: nothing
// is to be pruned by the half of them that can be read.
func TestRefusedRetentionKeepsEverything(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.KafkaBackupSpec){
		"count":    func(s *v1alpha1.KafkaBackupSpec) { s.RetentionCount = ptr.To(int32(1)) },
		"time":     func(s *v1alpha1.KafkaBackupSpec) { s.RetentionTime = "12 hours" },
		"selector": func(s *v1alpha1.KafkaBackupSpec) { s.VolumeSelector.MatchExpressions[0].Operator = "Is" },
	} {
		kb := hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) {
			s.RetentionTime, s.RetentionCount = "12h", ptr.To(int32(24))
			s.VolumeSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpExists}}}
			change(s)
		})
		if b, _ := snapshots.NewBackup(kb.Obj()); b.Retention != (snapshots.Retention{}) {
			t.Errorf("%s: retention %+v, want everything kept", name, b.Retention)
		}
	}
}

// TestExcludes has runs without the quorum's volumes. A combined node's holds
// topics too, and is not left out.
func TestExcludes(t *testing.T) {
	leaves := map[snapshots.Role]bool{snapshots.RoleController: true, snapshots.RoleZooKeeper: true, snapshots.RoleCombined: false, snapshots.RoleBroker: false}
	for role, out := range leaves {
		for _, exclude := range []bool{false, true} {
			b := parse(t, hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.ExcludeQuorum = exclude }))
			if got := b.Excludes(role); got != (exclude && out) {
				t.Errorf("excludeQuorum %t leaves a %s out: %t", exclude, role, got)
			}
		}
	}
}

// TestBackupAtItsLimits has values that are just allowed: the least count, and the
// longest deadline that a duration holds.
func TestBackupAtItsLimits(t *testing.T) {
	centuries := int64(math.MaxInt64 / time.Second)
	b := parse(t, hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) {
		s.RetentionCount, s.StartingDeadlineSeconds = ptr.To(int32(2)), &centuries
	}))
	if b.Retention.Count != 2 || b.Deadline == nil || *b.Deadline != time.Duration(centuries)*time.Second {
		t.Errorf("%+v", b)
	}
}
