package check

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

func TestReasons(t *testing.T) {
	newBook(t).answer("webhook-0", disk, "deny TooSmall", "it needs 2Gi", "").want()
	newBook(t).answer("webhook-0", disk, "restore Restored", "", "a").want()
	newBook(t).answer("webhook-0", disk, "allow NoSnapshot", "", "").want()
	newBook(t).answer("webhook-0", disk, "", "", "", func(a *record.Admission) { a.Status = 500 }).want()
	newBook(t).answer("webhook-0", disk, "", "", "").want("reasons: webhook-0 answered \"\" about claim " + disk + ", which is none")
	newBook(t).answer("webhook-0", disk, "deny Because", "no", "").want("which is none of the reasons")
	newBook(t).answer("webhook-0", disk, "restore Restored", "", "").want("and its source is \"\"")
	newBook(t).answer("webhook-0", disk, "deny TooOld", "", "", func(a *record.Admission) { a.Allowed = false }).want("with a text of 0 bytes")
	newBook(t).answer("webhook-0", disk, "deny TooOld", "", "").want("the apiserver was told allowed=true")
	newBook(t).answer("webhook-0", disk, "deny TooOld", strings.Repeat("long", 300), "").want("with a text of 1200 bytes")
	newBook(t).answer("webhook-0", disk, "deny DuplicateVolume", "claim 01234567-89ab-cdef-0123-456789abcdef exists", "").want("with a UID")
	newBook(t).answer("webhook-0", disk, "allow TooOld", "", "").want("without a warning")
	newBook(t).answer("webhook-0", disk, "allow TooOld", "", "", func(a *record.Admission) { a.Warnings = []string{"it starts empty"} }).want()
}

func TestSameAnswer(t *testing.T) {
	calm := func() *book { return newBook(t).claim(otherDisk, "other", "").after(time.Minute) }
	refused := func(text string) *book {
		return calm().answer("webhook-0", disk, "deny TooSmall", text, "").after(time.Second)
	}
	refused("it needs 2Gi").answer("webhook-1", disk, "deny TooSmall", "it needs 2Gi", "").want()
	refused("since 1s").answer("webhook-1", disk, "deny TooSmall", "since 2s", "").want("same-answer: webhook-1 answered otherwise about claim " + disk)
	refused("it needs 2Gi").answer("webhook-1", disk, "allow NoSnapshot", "", "").want("\"deny TooSmall\", and now \"allow NoSnapshot\"")
	refused("it needs 2Gi").answer("webhook-1", disk, "deny TooOld", "of today", "").want()
	refused("since 1s").answer("webhook-1", otherDisk, "deny TooSmall", "since 2s", "").want()
	refused("since 1s").answer("webhook-1", disk, "error Internal", "try again", "").want()
	refused("since 1s").snapshot("a", "1", otherDisk, "other").answer("webhook-1", disk, "deny TooSmall", "since 2s", "").want()
	refused("since 1s").answer("webhook-1", disk, "deny TooSmall", "since 2s", "", func(a *record.Admission) {
		a.Object = []byte(`{"metadata":{"name":"x"},"spec":{"storageClassName":"other"}}`)
	}).want()
	calm().backup().after(20*time.Second).answer("webhook-0", disk, "deny TooSmall", "as it was", "").after(time.Second).
		answer("webhook-1", disk, "deny TooSmall", "as it is", "").want()
	calm().answer("webhook-0", disk, "restore Restored", "", "a").after(time.Second).answer("webhook-1", disk, "restore Restored", "", "b").want("source \"a\", and now \"b\"")
}

func TestMarkedFirst(t *testing.T) {
	marked := func(long time.Duration) *book {
		b := newBook(t).claim(disk, "one", "")
		for n, name := range []string{"a", "b", "c", "d"} {
			b.after(time.Minute).snapshot(name, string(rune('1'+n)), disk, "one")
		}
		return b.after(time.Minute).marks("a").after(long)
	}
	marked(time.Minute).deletes("scheduler-0", "a").want()
	marked(20*time.Second).deletes("scheduler-0", "a").want("marked-first: scheduler-0 deleted VolumeSnapshot a 20s after it was marked")
	marked(20*time.Second).step("fault", "move-clock", false, "program", "scheduler-0").deletes("scheduler-0", "a").want()
	marked(20*time.Second).step("fault", "move-clock", false, "program", "webhook-0").deletes("scheduler-0", "a").want("20s after")
	marked(20*time.Second).deletes("people", "a").want()
	marked(time.Minute).deletes("scheduler-0", "b").want("without a mark")
	marked(time.Minute).deletesBy("scheduler-0", "a", `{"preconditions":{"uid":"uid-a"}}`).want("the request has not both preconditions")
	marked(time.Minute).deletesBy("scheduler-0", "a", `{}`).want("the request has not both preconditions")
	marked(time.Minute).deletesBy("scheduler-0", "a", `{"preconditions":{"uid":"uid-b","resourceVersion":"1"}}`).want("by the UID of another one")
	uncut := func(vs *snapshotv1.VolumeSnapshot) { vs.Status = nil }
	newBook(t).claim(disk, "one", "").snapshot("a", "1", disk, "one", uncut).deletes("scheduler-0", "a").want()
}

func TestStandstill(t *testing.T) {
	due := func() *book {
		b := newBook(t).claim(disk, "one", "").claim(otherDisk, "other", "")
		for n, name := range []string{"a", "b", "c"} {
			b.after(time.Minute).snapshot(name, string(rune('1'+n)), disk, "one")
		}
		return b.snapshot("else", "1", otherDisk, "other").marks("a")
	}
	due().after(2*time.Minute).deletes("scheduler-0", "a").want()
	restoring := due().object("persistentvolumeclaims", otherDisk, nil)
	restoring.pending(otherDisk, "other-2", "else")
	restoring.after(2*time.Minute).deletes("scheduler-0", "a").want("claim " + otherDisk + " was being restored")
	lost := due().content("a", "one").object("persistentvolumeclaims", otherDisk, nil) // a content that the storage has taken nothing for
	lost.pending(otherDisk, "other-2", "else")
	lost.after(2*time.Minute).deletes("scheduler-0", "a").want()
	filled := due().object("persistentvolumeclaims", otherDisk, nil)
	filled.after(time.Minute).claim(otherDisk, "other-2", "else")
	filled.after(2*time.Minute).deletes("scheduler-0", "a").want()
}

func TestReported(t *testing.T) {
	restored := func(volume string) *book {
		b := newBook(t).claim(disk, "one", "").after(time.Minute).snapshot("a", "1", disk, "one").after(time.Minute).object("persistentvolumeclaims", disk, nil)
		b.add(record.Record{Object: &record.Object{Resource: "persistentvolumes", Name: volume, Revision: b.seq + 1,
			Object: []byte(`{"metadata":{"name":"` + volume + `","creationTimestamp":"2026-03-01T00:00:00Z","annotations":{"pv.kubernetes.io/provisioned-by":"driver"}}}`)}})
		return b.claim(disk, "two", "a", func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.VolumeName = volume })
	}
	end := func(b *book, after time.Duration) *book { return b.after(after).step("phase", "liveness", true) }
	end(restored("pvc-two"), time.Hour).want()
	end(restored("old"), time.Minute).want()
	end(restored("old"), time.Hour).want("reported: claim " + disk + " (two) had volume old, which was not made for it, for 1h0m0s")
	said := func(b *book, message string) *book {
		return b.after(time.Second).object("kafkabackups", "often", v1alpha1.KafkaBackup{Status: v1alpha1.KafkaBackupStatus{Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionRestoresVerified, Status: metav1.ConditionFalse, Message: message}}}})
	}
	end(said(restored("old"), "RestoreNotHonoured of claim "+disk+": not made for it"), time.Hour).want()
	end(said(restored("old"), "RestoreNotHonoured of claim "+otherDisk+": not made for it"), time.Hour).want("no KafkaBackup has said so")
	// Two claims of one volume: generated names.
	two := newBook(t)
	two.layout.Clusters[0].Namespace, two.layout.Clusters[0].Volumes[0].Namespace = namespace, namespace
	two.layout.Clusters = two.layout.Clusters[:1]
	two.claim("kafka-0-storage-0-a", "a", "").claim("kafka-0-storage-0-b", "b", "")
	end(two, time.Hour).want("(a) lived beside kafka-0-storage-0-b for 1h0m0s", "(b) lived beside kafka-0-storage-0-a")
}

// TestQuorum loses controllers, without a word about them.
func TestQuorum(t *testing.T) {
	controller := func(n string) string { return "data-0-kafka-controller-" + n }
	three := func() *book {
		b := newBook(t)
		for _, n := range []string{"3", "4", "5"} {
			b.claim(controller(n), "first-"+n, "").after(time.Second).snapshot("of-"+n, "1", controller(n), "first-"+n)
		}
		return b.after(time.Hour)
	}
	lose := func(b *book, lost ...string) *book {
		for _, n := range lost {
			b.object("persistentvolumeclaims", controller(n), nil)
		}
		return b.after(time.Minute)
	}
	lose(three(), "3").claim(controller("3"), "new", "").want()
	lose(three(), "3", "4").claim(controller("3"), "new", "").want("quorum: claim " + controller("3") + " (new) of a quorum was created without a source, while 1 of 2 others had its data")
	lose(three(), "3", "4").claim(controller("4"), "filled", "of-4").after(time.Minute).claim(controller("3"), "new", "").want()
	// One blank member after the other.
	b := lose(three(), "3").claim(controller("3"), "blank-3", "").after(time.Minute)
	lose(b, "4").claim(controller("4"), "blank-4", "").want("while 1 of 2 others")
	b = lose(three(), "3").claim(controller("3"), "blank-3", "").after(time.Minute).snapshot("good", "2", controller("3"), "blank-3").after(time.Minute)
	lose(b, "4").claim(controller("4"), "blank-4", "").want()
	empty := func(pvc *corev1.PersistentVolumeClaim) {
		pvc.Annotations[v1alpha1.AnnotationRestoreQuorum] = v1alpha1.ValueEmpty
	}
	lose(three(), "3", "4").claim(controller("3"), "new", "", empty).want()
	asked := three().backup(v1alpha1.AnnotationRestore, v1alpha1.ValueLatest, v1alpha1.AnnotationRestoreQuorum, v1alpha1.ValueTrue).after(time.Hour)
	lose(asked, "3").claim(controller("3"), "new", "").want("never-empty: claim " + controller("3"))
}

// second is another disk of the node.
const second = "data-1-kafka-broker-0"

// twoDisks has a node with two disks, each with runs 1 and 2.
func twoDisks(t *testing.T, ofSecond ...string) *book {
	b := newBook(t)
	v := b.layout.Clusters[1].Volumes[0]
	v.Claim, v.Key = second, namespace+"/"+second
	b.layout.Clusters[1].Volumes = append(b.layout.Clusters[1].Volumes, plan.Volume{Key: v.Key, Namespace: v.Namespace, Claim: v.Claim, Node: v.Node, Pool: v.Pool})
	b.claim(disk, "one", "").claim(second, "second", "").after(time.Minute).snapshot("a1", "1", disk, "one").snapshot("b1", "1", second, "second")
	b.after(time.Minute).snapshot("a2", "2", disk, "one")
	for _, run := range ofSecond {
		b.snapshot("b"+run, run, second, "second")
	}
	return b.after(time.Minute)
}

func TestOneRunANode(t *testing.T) {
	lost := func(b *book) *book {
		return b.object("persistentvolumeclaims", disk, nil).object("persistentvolumeclaims", second, nil).after(5 * time.Second)
	}
	lost(twoDisks(t, "2")).claim(disk, "new", "a2").claim(second, "new-2", "b2").want()
	lost(twoDisks(t, "2")).claim(disk, "new", "a2").claim(second, "new-2", "b1").
		want("newest: claim "+second, "one-run-a-node: claims "+disk+" and "+second+" of node 0 were restored from runs 2 and 1, while both could be from run")
}

func TestAskedFirst(t *testing.T) {
	write := func(b *book, component, query string) *book {
		return b.add(record.Record{Write: &record.Write{Began: b.now, Component: component, Verb: "DELETE", Status: 200, Query: query,
			Path: "/api/v1/namespaces/" + namespace + "/persistentvolumeclaims/" + disk}})
	}
	declined := func() *book {
		return newBook(t).step("operation", declines, false, "cluster", namespace).after(time.Second)
	}
	write(declined(), plugin, "").want("asked-first: the plugin sent DELETE /api/v1/namespaces/strimzi")
	write(declined(), plugin, "dryRun=All").want()
	write(declined(), "people", "").want()
	write(declined().step("operation", "restore", false, "volume", namespace+"/"+disk), plugin, "").want()
	write(declined().step("operation", "restore", false, "cluster", "koperator"), plugin, "").want("asked-first")
	write(declined().step("operation", declines, true, "cluster", namespace).after(time.Second), plugin, "").want()
	write(newBook(t), plugin, "").want()
}

func TestAlive(t *testing.T) {
	ended := func(err string) *book {
		return newBook(t).add(record.Record{Step: &record.Step{Kind: "phase", Name: "liveness", End: true, Error: err}})
	}
	ended("").want()
	ended("claim x is Pending").want("alive: long after the last fault: claim x is Pending")
}
