package origin_test

import (
	"context"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/origin"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

const driver = "csi.example.com"

var (
	broker = snapshotstest.StatefulSetClaim("kafka", 0)
	kb     = snapshotstest.NewBackup("hourly", "kafka", "class")
)

// taken returns a snapshot that says that it is of the first claim's volume.
func taken(hour int) *snapshotstest.Snapshot {
	return snapshotstest.NewSnapshot(broker, kb, driver, noon.Add(time.Duration(hour)*time.Hour)).Ready().
		Annotate(v1alpha1.AnnotationSourcePVCUID, "first").Annotate(v1alpha1.AnnotationVolumeHandle, "volume-of-first").Annotate(v1alpha1.AnnotationSourcePV, "pv-of-first")
}

// bound returns the bound claim of a UID, and its volume.
func bound(uid types.UID, source string) (*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {
	claim := snapshotstest.StatefulSetClaim("kafka", 0)
	if source != "" {
		claim = claim.From(source)
	}
	pvc := claim.Obj()
	pvc.UID, pvc.Status.Phase, pvc.Spec.VolumeName = uid, corev1.ClaimBound, "pv-of-"+string(uid)
	pvc.CreationTimestamp.Time = noon.Add(2 * time.Hour)
	pv := &corev1.PersistentVolume{}
	pv.Name, pv.Annotations = pvc.Spec.VolumeName, map[string]string{claims.AnnotationProvisionedBy: driver}
	pv.CreationTimestamp = pvc.CreationTimestamp
	pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: "volume-of-" + string(uid)}
	pv.Spec.ClaimRef = &corev1.ObjectReference{Namespace: pvc.Namespace, Name: pvc.Name, UID: uid}
	return pvc, pv
}

// site is a cluster with two snapshots, of which the newer one was taken of some volume.
type site struct {
	client.WithWatch
	seen  origin.Seen
	reads int // of contents
}

func newSite(t *testing.T, of string, pvc *corev1.PersistentVolumeClaim, pv *corev1.PersistentVolume) *site {
	t.Helper()
	w := &site{}
	b, err := snapshots.NewBackup(kb.Obj())
	if err != nil {
		t.Fatal(err)
	}
	w.seen.Backup = b
	objects := []client.Object{taken(1).Obj(), taken(2).Obj()}
	if of != "" {
		content := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{Source: snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &of}}}
		content.Name, content.Spec.VolumeSnapshotRef.UID = "snapcontent-"+string(taken(2).Obj().UID), taken(2).Obj().UID
		objects = append(objects, content)
	}
	if pvc != nil {
		objects = append(objects, pvc, pv)
		w.seen.Claims = claims.OfCluster([]corev1.PersistentVolumeClaim{*pvc}, b)
	}
	w.WithWatch = fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if _, ok := o.(*snapshotv1.VolumeSnapshotContent); ok {
				w.reads++
			}
			return c.Get(ctx, key, o, options...)
		}}).Build()
	w.see(t)
	return w
}

// see brings the cache up to date.
func (w *site) see(t *testing.T) {
	t.Helper()
	var all snapshotv1.VolumeSnapshotList
	if err := w.List(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	w.seen.Own = nil
	for i := range all.Items {
		s, err := snapshots.NewSnapshot(&all.Items[i])
		if err != nil {
			t.Fatal(err)
		}
		s.Created = s.Scheduled // the fake apiserver has no clock
		w.seen.Own = append(w.seen.Own, s)
	}
	w.seen.Cluster = snapshots.Cluster{Snapshots: snapshots.ByVolume(w.seen.Own)}
}

func (w *site) newest(t *testing.T) *snapshotv1.VolumeSnapshot {
	t.Helper()
	vs := taken(2).Obj()
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(vs), vs); err != nil {
		t.Fatal(err)
	}
	return vs
}

// TestCorrect has the newest snapshot's claim live, gone, or replaced by an empty one or a
// restored one. What it says is corrected if the storage took it of another volume.
func TestCorrect(t *testing.T) {
	first, firstPV := bound("first", "")
	empty, emptyPV := bound("second", "")
	restored, restoredPV := bound("second", taken(1).Obj().Name)
	third, thirdPV := bound("third", "")
	for what, test := range map[string]struct {
		of      string // handle of the volume; empty: there is no content
		pvc     *corev1.PersistentVolumeClaim
		pv      *corev1.PersistentVolume
		claim   string // that it says it is of then
		lineage snapshots.Lineage
	}{
		"its claim is live":            {"volume-of-first", first, firstPV, "first", snapshots.Lineage{ID: "first", Proven: true}},
		"its claim is gone":            {"volume-of-first", nil, nil, "first", snapshots.Lineage{ID: "first", Proven: true}},
		"its claim was replaced later": {"volume-of-first", empty, emptyPV, "first", snapshots.Lineage{ID: "first", Proven: true}},
		"there is no content":          {"", empty, emptyPV, "first", snapshots.Lineage{ID: "first", Proven: true}},
		"it is of an empty one":        {"volume-of-second", empty, emptyPV, "second", snapshots.Lineage{ID: "second"}},
		"it is of a restored one":      {"volume-of-second", restored, restoredPV, "second", snapshots.Lineage{ID: "first", Proven: true}},
		"that one is gone too":         {"volume-of-second", third, thirdPV, "", snapshots.Lineage{ID: "volume-of-second"}},
		"no claim is there":            {"volume-of-second", nil, nil, "", snapshots.Lineage{ID: "volume-of-second"}},
	} {
		t.Run(what, func(t *testing.T) {
			w := newSite(t, test.of, test.pvc, test.pv)
			told := events.NewFakeRecorder(10)
			c := &origin.Corrector{Client: w, APIReader: w, Recorder: told, Memory: &origin.Memory{}}
			if err := c.Correct(t.Context(), kb.Obj(), w.seen, noon.Add(3*time.Hour)); err != nil {
				t.Fatal(err)
			}
			s, err := snapshots.NewSnapshot(w.newest(t))
			if err != nil {
				t.Fatal(err)
			}
			if s.Lineage != test.lineage || s.SourcePVCUID != test.claim || test.of != "" && s.IsOfAnother(test.of) {
				t.Errorf("%+v", s)
			}
			if said := len(told.Events) == 1; said != (test.claim != "first") {
				t.Errorf("an Event: %t", said)
			} else if said && !strings.Contains(<-told.Events, v1alpha1.EventSnapshotOfAnother) {
				t.Error("another Event")
			}
			if live := test.claim == "first" && test.pvc == first; live != (w.reads == 0) {
				t.Errorf("%d contents were read", w.reads)
			}
		})
	}
}

// TestEachIsLookedUpOnce looks again and again, and after a while another leader does.
func TestEachIsLookedUpOnce(t *testing.T) {
	second, secondPV := bound("second", "")
	w := newSite(t, "volume-of-first", second, secondPV)
	look := func(memory *origin.Memory, want int) {
		t.Helper()
		w.reads = 0
		c := &origin.Corrector{Client: w, APIReader: w, Recorder: events.NewFakeRecorder(10), Memory: memory}
		if err := c.Correct(t.Context(), kb.Obj(), w.seen, noon.Add(3*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if w.reads != want {
			t.Errorf("%d reads, want %d", w.reads, want)
		}
	}
	memory := &origin.Memory{}
	look(memory, 1)
	look(memory, 0)
	look(&origin.Memory{}, 1)
	memory.Forget(w.seen.Backup.Key())
	look(memory, 1)
}

// TestOlderOnesFollow has two snapshots that the storage took of a later claim. The older
// one is looked up when the newer one is corrected.
func TestOlderOnesFollow(t *testing.T) {
	second, secondPV := bound("second", "")
	w := newSite(t, "volume-of-second", second, secondPV)
	older := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{Source: snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &secondPV.Spec.CSI.VolumeHandle}}}
	older.Name, older.Spec.VolumeSnapshotRef.UID = "snapcontent-"+string(taken(1).Obj().UID), taken(1).Obj().UID
	if err := w.Create(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	c := &origin.Corrector{Client: w, APIReader: w, Recorder: events.NewFakeRecorder(10), Memory: &origin.Memory{}}
	for range 2 {
		if err := c.Correct(t.Context(), kb.Obj(), w.seen, noon.Add(3*time.Hour)); err != nil {
			t.Fatal(err)
		}
		w.see(t)
	}
	for _, s := range w.seen.Own {
		if s.SourcePVCUID != "second" || s.IsOfAnother("volume-of-second") {
			t.Errorf("%s is of claim %q, volume %q", s.Name, s.SourcePVCUID, s.Annotations[v1alpha1.AnnotationVolumeHandle])
		}
	}
}
