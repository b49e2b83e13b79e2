package screen

import (
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/change"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// Action is a thing that a person can do to an object.
type Action struct {
	change.Asked // without a Name, the page only shows the command

	Label   string
	Fields  []Field
	Says    string // what it does
	Undo    string // how it is taken back
	Refused string // why it cannot be done now; empty: it can
	Command string // of the plugin, that does the same
}

// Field is what a person has to type for an action.
type Field struct {
	Name, Label string
	MaxLength   int
}

// reasons are the fields of an action with a reason.
var reasons = []Field{{Name: "reason", Label: "Why, for people who find it later", MaxLength: change.MaxReason}}

// BackupActions returns what a person can do to a KafkaBackup.
func BackupActions(b inventory.Backup, now time.Time) []Action {
	if b.DeletionTimestamp != nil {
		return nil
	}
	run := Action{
		Label:   "Run now",
		Says:    "Asks for one run at once, beside the schedule: a snapshot of each volume.",
		Undo:    "A run cannot be taken back. Its snapshots go by the retention.",
		Refused: b.CannotRun(),
	}
	if b.Spec.Suspend {
		run.Says += " It is suspended: it makes this run all the same, and none after it."
	}
	return []Action{ofBackup(change.Run, b, run), freezing(b), suspending(b, now)}
}

func freezing(b inventory.Backup) Action {
	if reason, frozen := b.Annotations[v1alpha1.AnnotationFreeze]; frozen {
		return ofBackup(change.Unfreeze, b, Action{
			Label: "Unfreeze",
			Says:  "Its snapshots may be pruned again: what has outlived its retention meanwhile is pruned within minutes, but for what is held." + why("It is frozen", reason),
			Undo:  "Freeze, as far as nothing was pruned meanwhile.",
		})
	}
	return ofBackup(change.Freeze, b, Action{
		Label:  "Freeze",
		Fields: reasons,
		Says:   "None of its snapshots is pruned until it is unfrozen. Runs go on: snapshots pile up, watch the quota of the storage.",
		Undo:   "Unfreeze.",
	})
}

func suspending(b inventory.Backup, now time.Time) Action {
	if b.Spec.Suspend {
		return ofBackup(change.Resume, b, Action{
			Label: "Resume",
			Says:  "It runs again by its schedule, not at once. " + inventory.NextRun(b.KafkaBackup, now) + ".",
			Undo:  "Suspend.",
		})
	}
	return ofBackup(change.Suspend, b, Action{
		Label: "Suspend",
		Says:  "No run is started until it is resumed. What is under way goes on, and so does pruning by the retention.",
		Undo:  "Resume.",
	})
}

func ofBackup(name change.Name, b inventory.Backup, a Action) Action {
	a.Asked = change.Asked{Name: name, Namespace: b.Namespace, Kind: b.Kind(), Object: b.Name, UID: b.UID, Seen: change.SeenOfBackup(name, b)}
	a.Command = a.Asked.Command()
	return a
}

// SnapshotActions returns what a person can do to a snapshot. What a restore has pinned
// or left aside is only released by its command.
func SnapshotActions(vs *snapshotv1.VolumeSnapshot) []Action {
	if vs.DeletionTimestamp != nil || change.MayChange(vs) != nil {
		return nil
	}
	reason, held := vs.Annotations[v1alpha1.AnnotationHold]
	if kept := keptBesides(vs); kept != nil {
		if held {
			return []Action{*kept}
		}
		return []Action{holding(vs), *kept}
	}
	if !held {
		return []Action{holding(vs)}
	}
	return []Action{ofSnapshot(change.Release, vs, Action{
		Label: "Release",
		Says:  "It is no longer held: if it has outlived its retention, it is pruned within minutes." + why("It is held", reason),
		Undo:  "Hold, as long as it is there.",
	})}
}

func holding(vs *snapshotv1.VolumeSnapshot) Action {
	return ofSnapshot(change.Hold, vs, Action{
		Label:  "Hold",
		Fields: reasons,
		Says:   "It is not pruned until it is released. What a lost claim is restored from does not change.",
		Undo:   "Release.",
	})
}

// keptBesides returns the release of a snapshot that is kept by more than a hold; nil
// if it is not.
func keptBesides(vs *snapshotv1.VolumeSnapshot) *Action {
	a := ofSnapshot(change.Release, vs, Action{Label: "Release"})
	a.Name = ""
	if older, is := vs.Annotations[v1alpha1.AnnotationAbandoned]; is {
		a.Says = "It was left aside by the restore from " + older + ". Released, it counts again when a lost claim is restored, and may be pruned."
		a.Command += " --abandoned"
		return &a
	}
	if _, is := vs.Annotations[v1alpha1.AnnotationRestoreNext]; is {
		a.Says = "The next claim of its volume gets it. Released, that one gets the newest good snapshot again, and this one may be pruned."
		return &a
	}
	return nil
}

func ofSnapshot(name change.Name, vs *snapshotv1.VolumeSnapshot, a Action) Action {
	a.Asked = change.Asked{Name: name, Namespace: vs.Namespace, Kind: change.KindSnapshot, Object: vs.Name, UID: vs.UID, Seen: change.SeenOfSnapshot(vs)}
	a.Command = a.Asked.Command()
	return a
}

// why returns the sentence that says for what reason something is so.
func why(what, reason string) string {
	if reason == "" {
		return " " + what + ", with no reason given."
	}
	return " " + what + " for this reason: " + reason
}
