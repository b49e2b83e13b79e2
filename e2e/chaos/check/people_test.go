package check

import (
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// says has a KafkaBackup say something.
func (b *book) says(name string, annotations map[string]string) *book {
	return b.object("kafkabackups", name, v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: b.in, Name: name, Annotations: annotations}})
}

// annotated creates a claim with annotations, which is not bound yet.
func (b *book) annotated(name, uid, source string, annotations map[string]string) *book {
	pvc := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(uid),
		CreationTimestamp: metav1.NewTime(b.now), Annotations: annotations}}
	if source != "" {
		pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: source}
	}
	return b.object("persistentvolumeclaims", name, pvc)
}

// lostAfterA has a claim that is lost, and its snapshot a.
func lostAfterA(t *testing.T) *book {
	return newBook(t).claim(disk, "one", "").after(time.Minute).snapshot("a", "1", disk, "one").after(time.Minute).object("persistentvolumeclaims", disk, nil)
}

// TestWished has people say whether a claim is restored.
func TestWished(t *testing.T) {
	latest, off := map[string]string{v1alpha1.AnnotationRestore: "latest"}, map[string]string{v1alpha1.AnnotationRestore: "off"}
	const empty = "was created without a source"
	lostAfterA(t).after(time.Minute).claim(disk, "two", "").want(empty)
	lostAfterA(t).says("often", off).after(time.Minute).claim(disk, "two", "").want()
	lostAfterA(t).says("often", off).after(time.Minute).says("often", latest).after(time.Second).claim(disk, "two", "").want()
	lostAfterA(t).says("often", off).after(time.Minute).says("often", latest).after(time.Minute).claim(disk, "two", "").want(empty)
	lostAfterA(t).says("seldom", off).after(time.Minute).claim(disk, "two", "").want()
	lostAfterA(t).says("seldom", nil).after(time.Minute).claim(disk, "two", "").want(empty)
	lostAfterA(t).annotated(disk, "two", "", off).want()
	lostAfterA(t).annotated(disk, "two", "a", off).want("as-asked: claim " + disk + " (two) was restored from VolumeSnapshot a, and was opted out")
	lostAfterA(t).says("often", off).after(time.Minute).annotated(disk, "two", "", latest).want(empty)
	b := lostAfterA(t).says("often", nil)
	b.object("namespaces", namespace, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Annotations: latest}})
	b.after(time.Minute).claim(disk, "two", "").want(empty)
	b = lostAfterA(t).object("kafkabackups", "often", nil)
	b.object("configmaps", "own", corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "own",
		Annotations: latest, Labels: map[string]string{v1alpha1.LabelConfigMap: "true"}}})
	b.after(time.Minute).claim(disk, "two", "").want(empty)
	b = lostAfterA(t).object("kafkabackups", "often", nil).object("configmaps", "other", corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: "other", Annotations: latest}})
	b.after(time.Minute).claim(disk, "two", "").want()
}

// TestPinned has people choose what the next claim gets.
func TestPinned(t *testing.T) {
	next, by := with(v1alpha1.AnnotationRestoreNext, "true"), map[string]string{v1alpha1.AnnotationRestoredBy: "restore-next"}
	second := func(b *book) *book { return b.snapshot("b", "2", disk, "one").after(time.Minute) }
	second(lostAfterA(t).snapshot("a", "1", disk, "one", next)).annotated(disk, "two", "a", by).want()
	second(lostAfterA(t).snapshot("a", "1", disk, "one", next)).annotated(disk, "two", "b", nil).want("as-asked: claim " + disk + " (two) was restored from VolumeSnapshot b, although a was pinned")
	second(lostAfterA(t)).snapshot("a", "1", disk, "one", next).annotated(disk, "two", "b", nil).want() // at the same time
	second(lostAfterA(t)).annotated(disk, "two", "a", by).want("as pinned, and it was not")
	at := func(d time.Duration) *book {
		b := lostAfterA(t)
		return b.snapshot("a", "1", disk, "one", with(v1alpha1.AnnotationStartEmptyUntil, b.now.Add(d).Format(time.RFC3339))).after(time.Minute)
	}
	at(time.Hour).claim(disk, "two", "").want()
	at(time.Second).claim(disk, "two", "").want("never-empty: ")
}

// TestChanged has people change the labels of a snapshot: it need not be restored.
func TestChanged(t *testing.T) {
	lost := func(b *book) *book { return b.after(time.Minute).claim(disk, "two", "a") }
	lost(lostAfterA(t).snapshot("b", "2", disk, "one")).want("newest: claim")
	lost(lostAfterA(t).snapshot("b", "2", disk, "one").snapshot("b", "other", disk, "one")).want()
	lost(lostAfterA(t).snapshot("b", "2", disk, "one").snapshot("b", "2", disk, "one", with(v1alpha1.AnnotationSlot, "other"))).want()
}

// TestFrozen has people stop all pruning.
func TestFrozen(t *testing.T) {
	frozen := map[string]string{v1alpha1.AnnotationFreeze: "audit"}
	three := func() *book {
		b := newBook(t).claim(disk, "one", "").after(time.Minute).snapshot("a", "1", disk, "one")
		return b.after(time.Minute).snapshot("b", "2", disk, "one").after(time.Minute).snapshot("c", "3", disk, "one").after(time.Minute).marks("a").after(2 * time.Minute)
	}
	three().says("often", frozen).after(time.Minute).deletes("scheduler-0", "a").want("kept: scheduler-0 deleted VolumeSnapshot a, whose KafkaBackup was frozen")
	three().says("often", frozen).after(time.Second).deletes("scheduler-0", "a").want()
	three().says("seldom", frozen).after(time.Minute).deletes("scheduler-0", "a").want()
	three().says("often", frozen).after(time.Minute).says("often", nil).deletes("scheduler-0", "a").want()
}

// TestLineage restores a volume, which is then of the same lineage.
func TestLineage(t *testing.T) {
	b := lostAfterA(t).claim(disk, "two", "a").after(time.Minute)
	b.snapshot("b", "2", disk, "two").want()
	b = lostAfterA(t).claim(disk, "two", "a").after(time.Minute)
	b.snapshot("b", "2", disk, "two", with(v1alpha1.AnnotationLineage, "second")).want("lineage: VolumeSnapshot b is of lineage second, and its claim " + disk + " is from a of lineage first")
	b = lostAfterA(t).claim(disk, "two", "a").object("volumesnapshots", "a", nil).after(time.Minute)
	b.snapshot("b", "2", disk, "two", with(v1alpha1.AnnotationLineage, "second")).want()
}

// TestLineageCorrected has a snapshot that the scheduler corrects to be of another volume
// of that name. What that was restored from is known as long as its claim is there.
func TestLineageCorrected(t *testing.T) {
	corrected := func(vs *snapshotv1.VolumeSnapshot) {
		vs.Annotations[v1alpha1.AnnotationLineage], vs.Annotations[v1alpha1.AnnotationVolumeHandle] = "handle", "handle"
		vs.Annotations[v1alpha1.AnnotationProven] = "false"
	}
	cut := func() *book {
		b := lostAfterA(t).claim(disk, "two", "a").after(time.Minute)
		return b.snapshot("b", "2", disk, "two")
	}
	cut().changes("b", corrected).want("lineage: VolumeSnapshot b is of lineage handle, and its claim " + disk + " is from a of lineage first")
	cut().object("persistentvolumeclaims", disk, nil).changes("b", corrected).want()
}

// TestLineageOfBytes has data of another lineage on a restored volume.
func TestLineageOfBytes(t *testing.T) {
	of := func(lineage string) *book {
		b := newBook(t).claim(disk, "zero", "").claim(disk, "one", "")
		b.bound(disk, "one", b.lines(disk, "one", 1)).after(time.Minute).snapshot("a", "1", disk, "one")
		content := b.lines(disk, lineage, 1)
		return b.after(time.Minute).object("persistentvolumeclaims", disk, nil).claim(disk, "two", "a").bound(disk, "two", content)
	}
	const empty = "bytes: the volume of claim " + disk + " (one, from \"\") holds 1 lines"
	of("one").want(empty)
	of("zero").want(empty, "holds the lineage zero, and claim "+disk+" had one")
}

// TestDisks loses both disks of a node.
func TestDisks(t *testing.T) {
	const first, second = "data-0-kafka-combined-0", "data-1-kafka-combined-0"
	both := func(also ...string) *book {
		b := newBook(t)
		b.in = "combined"
		b.says("often", map[string]string{v1alpha1.AnnotationRestore: "latest", v1alpha1.AnnotationRestoreQuorum: "true"}).after(time.Minute)
		b.claim(first, "one", "").claim(second, "other", "").after(time.Minute)
		b.snapshot("a-1", "1", first, "one").snapshot("b-1", "1", second, "other").after(time.Minute).snapshot("a-2", "2", first, "one")
		for _, name := range also {
			b.snapshot(name, "2", second, "other")
		}
		return b.after(time.Minute).object("persistentvolumeclaims", first, nil)
	}
	both("b-2").object("persistentvolumeclaims", second, nil).claim(first, "two", "a-1").want("newest: claim " + first)
	both().object("persistentvolumeclaims", second, nil).claim(first, "two", "a-1").want()
	both().claim(first, "two", "a-1").want("newest: claim " + first) // the other one is well
	b := both("b-2").object("persistentvolumeclaims", second, nil).claim(second, "more", "b-1").claim(first, "two", "a-1")
	b.want("newest: claim " + second) // and the first follows it
}
