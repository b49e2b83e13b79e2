package check

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// The volume that books are about, a broker of Strimzi's, and another one.
const (
	namespace = "strimzi"
	disk      = "data-0-kafka-broker-0"
	otherDisk = "data-0-kafka-broker-1"
)

// book makes records. Its clock goes on by hand.
type book struct {
	t        *testing.T
	in       string // the namespace
	out      bytes.Buffer
	seq      int64
	now      time.Time
	versions map[string]int64
}

// newBook has a KafkaBackup that has been there for an hour.
func newBook(t *testing.T) *book {
	b := &book{t: t, in: namespace, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), versions: map[string]int64{}}
	b.object("kafkabackups", "often", v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "often",
		Annotations: map[string]string{v1alpha1.AnnotationRestore: v1alpha1.ValueLatest}}})
	return b.after(time.Hour)
}

func (b *book) after(d time.Duration) *book {
	b.now = b.now.Add(d)
	return b
}

func (b *book) add(r record.Record) *book {
	b.seq++
	r.Seq, r.Time = b.seq, b.now
	if err := json.NewEncoder(&b.out).Encode(r); err != nil {
		b.t.Fatal(err)
	}
	return b
}

func (b *book) object(resource, name string, o any) *book {
	r := &record.Object{Resource: resource, Namespace: b.in, Name: name, Revision: b.seq + 1, Gone: o == nil}
	if o != nil {
		content, err := json.Marshal(o)
		if err != nil {
			b.t.Fatal(err)
		}
		r.Object = content
	}
	return b.add(record.Record{Object: r})
}

// claim creates a claim, with a source unless that is empty, and binds it.
func (b *book) claim(name, uid, source string) *book {
	pvc := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: b.in, Name: name, UID: types.UID(uid), CreationTimestamp: metav1.NewTime(b.now)}}
	if source != "" {
		pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: source}
	}
	pvc.Status.Phase = corev1.ClaimPending
	b.object("persistentvolumeclaims", name, pvc)
	pvc.Status.Phase = corev1.ClaimBound
	return b.object("persistentvolumeclaims", name, pvc)
}

// snapshot is a ready one of a claim, cut now, changed by some.
func (b *book) snapshot(name, run, claim, uid string, changes ...func(*snapshotv1.VolumeSnapshot)) *book {
	vs := snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: b.in, Name: name, UID: types.UID("uid-" + name),
		Labels:      map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelRun: run, v1alpha1.LabelBackup: "often"},
		Annotations: map[string]string{v1alpha1.AnnotationSourcePVCUID: uid, v1alpha1.AnnotationLineage: "first", v1alpha1.AnnotationProven: "true"}}}
	vs.Spec.Source.PersistentVolumeClaimName = &claim
	vs.Status = &snapshotv1.VolumeSnapshotStatus{ReadyToUse: ptr.To(true), CreationTime: ptr.To(metav1.NewTime(b.now))}
	for _, change := range changes {
		change(&vs)
	}
	return b.object("volumesnapshots", name, vs)
}

func with(key, value string) func(*snapshotv1.VolumeSnapshot) {
	return func(vs *snapshotv1.VolumeSnapshot) { vs.Annotations[key] = value }
}

func notReady(vs *snapshotv1.VolumeSnapshot) { vs.Status.ReadyToUse = ptr.To(false) }

// deletes has a component delete a snapshot.
func (b *book) deletes(component, name string) *book {
	b.object("volumesnapshots", name, nil)
	return b.add(record.Record{Write: &record.Write{Began: b.now, Component: component, Verb: "DELETE", Status: 200,
		Path: "/apis/snapshot.storage.k8s.io/v1/namespaces/" + namespace + "/volumesnapshots/" + name}})
}

// bound says what is on the volume of a claim.
func (b *book) bound(name, uid string, content record.Contents) *book {
	return b.add(record.Record{Bound: &record.Bound{Namespace: namespace, Claim: name, UID: uid, Volume: namespace + "/" + name, Content: content}})
}

func (b *book) wrote(uid string, number int64) *book {
	return b.add(record.Record{Wrote: &record.Wrote{UID: uid, Volume: namespace + "/" + disk, Lineage: uid, Number: number}})
}

// lines are the contents of a volume that writes up to the number have filled.
func (b *book) lines(volume, lineage string, last int64) record.Contents {
	return record.Contents{Volumes: []string{namespace + "/" + volume}, Lineages: []string{lineage}, Lines: last, Last: last, LastTime: b.now}
}

// want checks that the violations are of these checks, each said in these words.
func (b *book) want(words ...string) {
	b.t.Helper()
	h, err := history.Read(&b.out, plan.Standard())
	if err != nil {
		b.t.Fatal(err)
	}
	found := Run(h)
	if len(found) != len(words) {
		b.t.Fatalf("%d violations, want %q: %+v", len(found), words, found)
	}
	for i, v := range found {
		if said := v.Check + ": " + v.What; !strings.Contains(said, words[i]) {
			b.t.Errorf("%q does not say %q", said, words[i])
		}
	}
}
