package check

import (
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

func TestNeverEmpty(t *testing.T) {
	lost := func(changes ...func(*snapshotv1.VolumeSnapshot)) *book {
		return newBook(t).claim(disk, "one", "").after(time.Minute).snapshot("a", "1", disk, "one", changes...).
			after(time.Minute).object("persistentvolumeclaims", disk, nil)
	}
	lost().claim(disk, "two", "").want("never-empty: claim " + disk + " (two) was created without a source, while VolumeSnapshot a")
	lost().claim(disk, "two", "a").want()
	lost(notReady).claim(disk, "two", "").want()
	lost(with(v1alpha1.AnnotationPruning, "now")).claim(disk, "two", "").want()
	lost().claim(otherDisk, "two", "").want()
	lost().object("volumesnapshots", "a", nil).claim(disk, "two", "").want()
	// It was ready for a moment only.
	newBook(t).claim(disk, "one", "").object("persistentvolumeclaims", disk, nil).snapshot("a", "1", disk, "one").
		after(time.Second).claim(disk, "two", "").want()
}

func TestNewest(t *testing.T) {
	two := func(changes ...func(*snapshotv1.VolumeSnapshot)) *book {
		return newBook(t).claim(disk, "one", "").claim(otherDisk, "other", "").after(time.Minute).snapshot("a", "1", disk, "one").
			snapshot("elsewhere", "1", otherDisk, "other").after(time.Minute).snapshot("b", "2", disk, "one", changes...).
			after(time.Minute).object("persistentvolumeclaims", disk, nil)
	}
	two().claim(disk, "two", "b").want()
	two().claim(disk, "two", "a").want("newest: claim " + disk + " (two) was restored from VolumeSnapshot a, while the newer b")
	two(notReady).claim(disk, "two", "a").want()
	two(with(v1alpha1.AnnotationAbandoned, "true")).claim(disk, "two", "a").want()
	two(with(v1alpha1.AnnotationProven, "false"), with(v1alpha1.AnnotationLineage, "second")).claim(disk, "two", "a").want()
	two().claim(disk, "two", "elsewhere").want("which is of volume strimzi/" + otherDisk)
	two().claim(disk, "two", "nothing").want("which has never been there")
}

func TestBytes(t *testing.T) {
	restored := func() *book {
		return newBook(t).claim(disk, "one", "").bound(disk, "one", record.Contents{}).wrote("one", 1).after(time.Second).wrote("one", 2).
			after(time.Second).snapshot("a", "1", disk, "one").after(time.Minute).object("persistentvolumeclaims", disk, nil).claim(disk, "two", "a")
	}
	at := func(b *book, volume, lineage string, last int64) record.Contents {
		c := b.lines(volume, lineage, last)
		c.LastTime = c.LastTime.Add(-time.Minute)
		return c
	}
	b := restored()
	b.bound(disk, "two", at(b, disk, "one", 2)).want()
	b = restored()
	b.bound(disk, "two", at(b, disk, "one", 1)).want("bytes: the volume of claim " + disk + " (two, from \"a\") ends with write 1, and write 2")
	b = restored()
	b.bound(disk, "two", record.Contents{}).want("is empty, and write 2")
	b = restored()
	b.bound(disk, "two", at(b, otherDisk, "one", 2)).want("holds the data of [strimzi/" + otherDisk)
	b = restored()
	b.bound(disk, "two", at(b, disk, "unknown", 2)).want("a lineage that no claim has begun")
	b = restored()
	b.bound(disk, "two", b.lines(disk, "one", 90)).want("long after the cut")
	b = restored()
	b.bound(disk, "two", record.Contents{Spoiled: "write 3 follows write 1"}).want("is spoiled")
	b = newBook(t).claim(disk, "one", "")
	b.bound(disk, "one", b.lines(disk, "one", 5)).want("and should be empty")
}

func TestKept(t *testing.T) {
	three := func(changes ...func(*snapshotv1.VolumeSnapshot)) *book {
		b := newBook(t).claim(disk, "one", "").after(time.Minute).snapshot("a", "1", disk, "one", changes...)
		return b.after(time.Minute).snapshot("b", "2", disk, "one").after(time.Minute).snapshot("c", "3", disk, "one").marks("a").marks("b").after(2 * time.Minute)
	}
	three().deletes("scheduler-0", "a").want()
	three().deletes("scheduler-0", "b").want("kept: scheduler-0 deleted VolumeSnapshot b, of which KafkaBackup often had only 1 newer")
	three().deletes("people", "b").want()
	three(with(v1alpha1.AnnotationHold, "audit")).deletes("scheduler-0", "a").want("which had snapback.dev/hold")
	three(with(v1alpha1.AnnotationRestoreNext, "true")).deletes("scheduler-0", "a").want("which had snapback.dev/restore-next")
	three(with(v1alpha1.AnnotationLineage, "old")).deletes("scheduler-0", "a").want("the last ready one of lineage old")
	three(notReady).deletes("scheduler-0", "a").want()
	three().deletes("people", "c").deletes("scheduler-0", "a").want() // at the same time
	three().deletes("people", "c").after(time.Minute).deletes("scheduler-0", "a").want("had only 1 newer")
}

func TestOnce(t *testing.T) {
	run := func(second string) *book {
		return newBook(t).claim(disk, "one", "").after(time.Minute).snapshot("a", "1", disk, "one").snapshot("b", second, disk, "one")
	}
	run("2").want()
	run("1").want("one-a-run: run 1 of KafkaBackup often has made a (uid-a) and b (uid-b)")
}

func TestOwnOnly(t *testing.T) {
	foreign := func(vs *snapshotv1.VolumeSnapshot) { delete(vs.Labels, v1alpha1.LabelManagedBy) }
	b := newBook(t).claim(disk, "one", "").after(time.Minute).snapshot("theirs", "", disk, "one", foreign, notReady)
	b.marks("theirs").after(2*time.Minute).deletes("scheduler-1", "theirs").want("own-only: scheduler-1 deleted")
	newBook(t).add(record.Record{Write: &record.Write{Component: "scheduler-1", Verb: "DELETE", Status: 200,
		Path: "/api/v1/namespaces/strimzi/persistentvolumeclaims/" + disk}}).want("which is no VolumeSnapshot")
}

// TestOwnClaim has a claim lost and made again, and a snapshot that is of the first one by
// its own word.
func TestOwnClaim(t *testing.T) {
	lost := func(from string) *book {
		return newBook(t).claim(disk, "one", "").after(time.Minute).object("persistentvolumeclaims", disk, nil).after(5*time.Second).claim(disk, "two", "").
			volume("first", "one").volume("second", "two").after(5*time.Second).
			snapshot("a", "1", disk, "one", with(v1alpha1.AnnotationVolumeHandle, "first"), with(v1alpha1.AnnotationBackupName, "often")).content("a", from)
	}
	lost("first").want()
	wrong := "own-claim: VolumeSnapshot a says in the end that it is of volume first, and was cut from second, of claim two"
	lost("second").want(wrong)
	lost("second").changes("a", with(v1alpha1.AnnotationVolumeHandle, "second")).want()
	lost("second").object("kafkabackups", "often", nil).want()
}

// TestNewestOfItsOrigin restores from a snapshot that was cut from an empty claim, and says
// that it is of the one before.
func TestNewestOfItsOrigin(t *testing.T) {
	restored := func(from string) *book {
		said := with(v1alpha1.AnnotationVolumeHandle, "first")
		return newBook(t).claim(disk, "one", "").after(time.Minute).snapshot("a", "1", disk, "one", said, notReady).
			object("persistentvolumeclaims", disk, nil).after(5*time.Second).claim(disk, "two", "").
			changes("a", func(vs *snapshotv1.VolumeSnapshot) { vs.Status.ReadyToUse = ptr.To(true) }).
			volume("first", "one").volume("second", "two").snapshot("b", "2", disk, "one", said).content("b", from).
			after(time.Minute).object("persistentvolumeclaims", disk, nil)
	}
	restored("first").claim(disk, "three", "b").want()
	restored("second").claim(disk, "three", "b").want("newest: claim " + disk + " (three) was restored from VolumeSnapshot b, which was cut from claim two, that began empty")
	restored("second").claim(disk, "three", "a").want()
}
