package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
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
	t      *testing.T
	in     string // the namespace
	out    bytes.Buffer
	seq    int64
	now    time.Time
	layout plan.Layout
	check  string                               // whose violations count; empty: all
	held   map[string]snapshotv1.VolumeSnapshot // the last versions
}

// newBook has a KafkaBackup that has been there for an hour.
func newBook(t *testing.T) *book {
	b := &book{t: t, in: namespace, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), layout: plan.Standard(), held: map[string]snapshotv1.VolumeSnapshot{}}
	b.backup(v1alpha1.AnnotationRestore, v1alpha1.ValueLatest)
	return b.after(time.Hour)
}

// backup writes the KafkaBackup with annotations, given as keys and values.
func (b *book) backup(annotations ...string) *book {
	kb := v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "often", Annotations: map[string]string{}}}
	for i := 0; i < len(annotations); i += 2 {
		kb.Annotations[annotations[i]] = annotations[i+1]
	}
	return b.object("kafkabackups", "often", kb)
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
func (b *book) claim(name, uid, source string, changes ...func(*corev1.PersistentVolumeClaim)) *book {
	pvc := b.pending(name, uid, source, changes...)
	pvc.Status.Phase = corev1.ClaimBound
	return b.object("persistentvolumeclaims", name, pvc)
}

// pending creates a claim.
func (b *book) pending(name, uid, source string, changes ...func(*corev1.PersistentVolumeClaim)) corev1.PersistentVolumeClaim {
	pvc := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: b.in, Name: name, UID: types.UID(uid), CreationTimestamp: metav1.NewTime(b.now)}}
	if source != "" {
		pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: source}
	}
	pvc.Status.Phase, pvc.Annotations = corev1.ClaimPending, map[string]string{}
	for _, change := range changes {
		change(&pvc)
	}
	b.object("persistentvolumeclaims", name, pvc)
	return pvc
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
	b.held[name] = vs
	return b.object("volumesnapshots", name, vs)
}

// volume is the PersistentVolume of a claim.
func (b *book) volume(handle, claim string) *book {
	pv := corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv-" + handle}}
	pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{VolumeHandle: handle}
	pv.Spec.ClaimRef = &corev1.ObjectReference{UID: types.UID(claim)}
	return b.object("persistentvolumes", pv.Name, pv)
}

// content says from which volume a snapshot was cut.
func (b *book) content(snapshot, handle string) *book {
	var content snapshotv1.VolumeSnapshotContent
	content.Spec.VolumeSnapshotRef.UID, content.Spec.Source.VolumeHandle = b.held[snapshot].UID, &handle
	return b.object("volumesnapshotcontents", "content-"+snapshot, content)
}

// changes writes another version of a snapshot.
func (b *book) changes(name string, change func(*snapshotv1.VolumeSnapshot)) *book {
	held := b.held[name]
	vs := *held.DeepCopy()
	change(&vs)
	b.held[name] = vs
	return b.object("volumesnapshots", name, vs)
}

// marks has the scheduler mark a snapshot for pruning.
func (b *book) marks(name string) *book {
	at := b.now.Format(time.RFC3339)
	b.changes(name, with(v1alpha1.AnnotationPruning, at))
	return b.add(record.Record{Write: &record.Write{Began: b.now, Component: "scheduler-0", Verb: "PATCH", Status: 200, Path: snapshotPath + name,
		Body: json.RawMessage(`{"metadata":{"annotations":{"snapback.dev/pruning":"` + at + `"}}}`)}})
}

const snapshotPath = "/apis/snapshot.storage.k8s.io/v1/namespaces/" + namespace + "/volumesnapshots/"

func with(key, value string) func(*snapshotv1.VolumeSnapshot) {
	return func(vs *snapshotv1.VolumeSnapshot) { vs.Annotations[key] = value }
}

func notReady(vs *snapshotv1.VolumeSnapshot) { vs.Status.ReadyToUse = ptr.To(false) }

// deletes has a component delete a snapshot as it is.
func (b *book) deletes(component, name string) *book {
	return b.deletesBy(component, name, fmt.Sprintf(`{"preconditions":{"uid":"uid-%s","resourceVersion":"1"}}`, name))
}

// deletesBy has it delete a snapshot with options.
func (b *book) deletesBy(component, name, options string) *book {
	b.object("volumesnapshots", name, nil)
	return b.add(record.Record{Write: &record.Write{Began: b.now, Component: component, Verb: "DELETE", Status: 200, Path: snapshotPath + name,
		Body: json.RawMessage(options)}})
}

// answer has a replica of the webhook answer about a claim.
func (b *book) answer(replica, name, decision, message, source string, changes ...func(*record.Admission)) *book {
	a := &record.Admission{Began: b.now, Replica: replica, Namespace: namespace, Name: name, Status: 200, Decision: decision, Message: message, Snapshot: source,
		Allowed: message == "", Object: json.RawMessage(`{"metadata":{"name":"` + name + `"}}`)}
	for _, change := range changes {
		change(a)
	}
	return b.add(record.Record{Admission: a})
}

// step begins an operation or a fault, or ends it.
func (b *book) step(kind, name string, end bool, args ...string) *book {
	s := &record.Step{Kind: kind, Name: name, End: end, Args: map[string]string{}}
	for i := 0; i < len(args); i += 2 {
		s.Args[args[i]] = args[i+1]
	}
	return b.add(record.Record{Step: s})
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

// only has the violations of one check count.
func (b *book) only(check string) *book {
	b.check = check
	return b
}

// want checks that the violations are of these checks, each said in these words.
func (b *book) want(words ...string) {
	b.t.Helper()
	h, err := history.Read(&b.out, b.layout)
	if err != nil {
		b.t.Fatal(err)
	}
	found := slices.DeleteFunc(Run(h), func(v Violation) bool { return b.check != "" && v.Check != b.check })
	if len(found) != len(words) {
		b.t.Fatalf("%d violations, want %q: %+v", len(found), words, found)
	}
	for i, v := range found {
		if said := v.Check + ": " + v.What; !strings.Contains(said, words[i]) {
			b.t.Errorf("%q does not say %q", said, words[i])
		}
	}
}
