package marks_test

import (
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/snapback-dev/snapback/scheduler/marks"
	"github.com/snapback-dev/snapback/snapshots"
)

var errNoRight = errors.New("snapback may not delete it")

// TestManyErrors has a thousand snapshots fail, or have changed: what is told of it is short, and
// all of them were tried.
func TestManyErrors(t *testing.T) {
	t.Parallel()
	all := make([]snapshots.Snapshot, 1000)
	for i := range all {
		all[i].Name = fmt.Sprint("snapshot-", i)
	}
	tried := make(chan string, len(all))
	err := marks.Each(all, func(s snapshots.Snapshot) error {
		tried <- s.Name
		return fmt.Errorf("delete volumesnapshot %s: %w", s.Name, errNoRight)
	})
	if !errors.Is(err, errNoRight) || len(err.Error()) > 1000 || len(tried) != len(all) {
		t.Errorf("%d were tried: %v", len(tried), err)
	}
	stale := apierrors.NewConflict(schema.GroupResource{}, "snapshot", errNoRight)
	if err := marks.Each(all, func(snapshots.Snapshot) error { return stale }); err != nil {
		t.Errorf("those that have changed are no error: %v", err)
	}
}
