package snapshots_test

import (
	"slices"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

func TestPlanPruning(t *testing.T) {
	marked := func(name, since string) snapshots.Snapshot {
		s := taken(name, "v", 5*time.Hour, "r")
		s.Annotations = map[string]string{v1alpha1.AnnotationPruning: since}
		return s
	}
	at := func(age time.Duration) string { return ago(age).Format(time.RFC3339) }
	deleting := marked("deleting", at(time.Hour))
	deleting.Deleting = true
	for name, test := range map[string]struct {
		all                  []snapshots.Snapshot
		prunable             []string
		mark, unmark, delete []string
		next                 time.Duration
	}{
		"nothing":         {all: []snapshots.Snapshot{taken("a", "v", time.Hour, "r")}},
		"let go":          {all: []snapshots.Snapshot{taken("a", "v", time.Hour, "r")}, prunable: []string{"a"}, mark: []string{"a"}, next: time.Minute},
		"within a minute": {all: []snapshots.Snapshot{marked("a", at(59*time.Second))}, prunable: []string{"a"}, next: time.Second},
		"after a minute":  {all: []snapshots.Snapshot{marked("a", at(time.Minute))}, prunable: []string{"a"}, delete: []string{"a"}},
		"stays after all": {all: []snapshots.Snapshot{marked("a", at(time.Hour))}, unmark: []string{"a"}},
		"marked by hand":  {all: []snapshots.Snapshot{marked("a", "yes")}, prunable: []string{"a"}, mark: []string{"a"}, next: time.Minute},
		"in the future":   {all: []snapshots.Snapshot{marked("a", at(-time.Hour))}, prunable: []string{"a"}, mark: []string{"a"}, next: time.Minute},
		"deleting":        {all: []snapshots.Snapshot{deleting}, prunable: []string{"deleting"}},
		"the soonest": {all: []snapshots.Snapshot{taken("a", "v", time.Hour, "r"), marked("b", at(40*time.Second)), marked("c", at(2*time.Minute))},
			prunable: []string{"a", "b", "c"}, mark: []string{"a"}, delete: []string{"c"}, next: 20 * time.Second},
	} {
		var prunable []snapshots.Snapshot
		for _, s := range test.all {
			if slices.Contains(test.prunable, s.Name) {
				prunable = append(prunable, s)
			}
		}
		p := snapshots.PlanPruning(test.all, prunable, now)
		if !slices.Equal(names(p.Mark), test.mark) || !slices.Equal(names(p.Unmark), test.unmark) || !slices.Equal(names(p.Delete), test.delete) || p.Next != test.next {
			t.Errorf("%s: mark %v, unmark %v, delete %v, next in %s", name, names(p.Mark), names(p.Unmark), names(p.Delete), p.Next)
		}
	}
}
