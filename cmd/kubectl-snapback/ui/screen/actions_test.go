package screen

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var offeredAt = time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)

// summary returns, of each action, its name or that there is none, and what was seen.
func summary(actions []Action) (all []string) {
	for _, a := range actions {
		all = append(all, strings.TrimSuffix(fmt.Sprintf("%s(%s)", a.Name, a.Seen), "()"))
	}
	return all
}

func TestBackupActions(t *testing.T) {
	t.Parallel()
	suspend := func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = true }
	backup := func() *snapshotstest.Backup { return snapshotstest.NewBackup("hourly", "kafka", "csi") }
	for name, test := range map[string]struct {
		backup *snapshotstest.Backup
		want   []string
		says   string // among it
	}{
		"as it is":   {backup(), []string{"run", "freeze", "suspend(false)"}, "beside the schedule: a snapshot of each volume."},
		"frozen":     {backup().Annotate(v1alpha1.AnnotationFreeze, "lost"), []string{"run", "unfreeze(=lost)", "suspend(false)"}, "It is frozen for this reason: lost"},
		"for none":   {backup().Annotate(v1alpha1.AnnotationFreeze, ""), []string{"run", "unfreeze(=)", "suspend(false)"}, "It is frozen, with no reason given."},
		"suspended":  {backup().Spec(suspend), []string{"run", "freeze", "resume(true)"}, "It is suspended: it makes this run all the same, and none after it."},
		"will run":   {backup().Spec(suspend).Schedule("0 2 * * *"), []string{"run", "freeze", "resume(true)"}, "Its next run is in 6h54m, at 2026-02-22T02:00:00Z."},
		"was to run": {backup().Annotate(v1alpha1.AnnotationRunNow, "before"), []string{"run(before)", "freeze", "suspend(false)"}, ""},
	} {
		actions := BackupActions(inventory.Backup{KafkaBackup: test.backup.Obj()}, offeredAt)
		says := ""
		for _, a := range actions {
			says += a.Says
		}
		if got := summary(actions); !slices.Equal(got, test.want) || !strings.Contains(says, test.says) {
			t.Errorf("%s: %q, and says\n%s", name, got, says)
		}
	}
	going := backup().Obj()
	going.DeletionTimestamp = &going.CreationTimestamp
	if got := BackupActions(inventory.Backup{KafkaBackup: going}, offeredAt); len(got) > 0 {
		t.Errorf("of one that is being deleted: %q", summary(got))
	}
}

func TestSnapshotActions(t *testing.T) {
	t.Parallel()
	snapshot := func() *snapshotstest.Snapshot {
		s := snapshotstest.NewSnapshot(snapshotstest.StatefulSetClaim("kafka", 0), snapshotstest.NewBackup("hourly", "kafka", "csi"), "driver", offeredAt)
		return s
	}
	for name, test := range map[string]struct {
		snapshot *snapshotstest.Snapshot
		want     []string
		command  string // of the last action, behind the name
	}{
		"as it is":  {snapshot(), []string{"hold"}, " -n kafka --reason '…'"},
		"held":      {snapshot().Annotate(v1alpha1.AnnotationHold, "why"), []string{"release(=why)"}, " -n kafka"},
		"pinned":    {snapshot().Annotate(v1alpha1.AnnotationRestoreNext, "true"), []string{"hold", ""}, " -n kafka"},
		"abandoned": {snapshot().Annotate(v1alpha1.AnnotationAbandoned, "older"), []string{"hold", ""}, " -n kafka --abandoned"},
		"held, and abandoned": {snapshot().Annotate(v1alpha1.AnnotationHold, "why").Annotate(v1alpha1.AnnotationAbandoned, "older"),
			[]string{"(=why)"}, " -n kafka --abandoned"},
		"being deleted": {snapshot().Terminating(offeredAt), nil, ""},
	} {
		vs := test.snapshot.Obj()
		actions := SnapshotActions(vs)
		if got := summary(actions); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
		if n := len(actions); n > 0 {
			if _, got, _ := strings.Cut(actions[n-1].Command, " "+vs.Name); got != test.command {
				t.Errorf("%s: %s", name, actions[n-1].Command)
			}
		}
	}
	foreign := snapshot().Obj()
	foreign.Labels = nil
	if got := SnapshotActions(foreign); len(got) > 0 {
		t.Errorf("of another tool's: %q", summary(got))
	}
}
