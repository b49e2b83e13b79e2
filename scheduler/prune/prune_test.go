package prune

import (
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestDeleteMarkedLooksAgain has a cache that is behind. A snapshot that is due by
// the cache must be deleted only if the apiserver says the same.
func TestDeleteMarkedLooksAgain(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, snapshotv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	mark := at.Format(time.RFC3339)
	backup := snapshotstest.NewBackup("hourly", "kafka", "class")
	broker := func(n int) *snapshotstest.Claim {
		return snapshotstest.KoperatorClaim("kafka", n, "/kafka-logs").Named("broker")
	}
	due := func() *snapshotstest.Snapshot {
		return snapshotstest.NewSnapshot(broker(0), backup, "driver", at).Ready().Annotate(v1alpha1.AnnotationPruning, mark)
	}
	name := due().Obj().Name
	frozen := func(name string) client.Object {
		return snapshotstest.NewBackup(name, "kafka", "class").Annotate(v1alpha1.AnnotationFreeze, "audit").Obj()
	}
	for what, test := range map[string]struct {
		live         *snapshotv1.VolumeSnapshot
		claim        *snapshotstest.Claim
		backups      []client.Object // nil: as it was
		gone, marked bool
	}{
		"as it was":                      {live: due().Obj(), gone: true},
		"held":                           {live: due().Annotate(v1alpha1.AnnotationHold, "x").Obj()},
		"a claim waits for it":           {live: due().Obj(), claim: snapshotstest.PlainClaim("any").From(name)},
		"a claim of the cluster waits":   {live: due().Obj(), claim: broker(1).From("another")},
		"a claim without a source waits": {live: due().Obj(), claim: broker(1), gone: true},
		"frozen":                         {live: due().Obj(), backups: []client.Object{frozen("hourly")}},
		"another is frozen":              {live: due().Obj(), backups: []client.Object{backup.Obj(), frozen("daily")}, gone: true},
		"the KafkaBackup is gone":        {live: due().Obj(), backups: []client.Object{frozen("daily")}},
		"marked anew":                    {live: due().Annotate(v1alpha1.AnnotationPruning, at.Add(time.Hour).Format(time.RFC3339)).Obj(), marked: true},
		"another verdict of a drill":     {live: due().Damaged().Obj(), marked: true},
		"created anew":                   {live: func() *snapshotv1.VolumeSnapshot { vs := due().Obj(); vs.UID = "new"; return vs }(), marked: true},
	} {
		t.Run(what, func(t *testing.T) {
			objects := append([]client.Object{test.live}, test.backups...)
			if test.backups == nil {
				objects = append(objects, backup.Obj())
			}
			if test.claim != nil {
				objects = append(objects, test.claim.Obj())
			}
			c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
			p := &Pruner{Client: c, APIReader: c, Clock: clockwork.NewFakeClockAt(at.Add(time.Hour))}
			b, err := snapshots.NewBackup(backup.Obj())
			if err != nil {
				t.Fatal(err)
			}
			seen, err := snapshots.NewSnapshot(due().Obj())
			if err != nil {
				t.Fatal(err)
			}
			var done tally
			if err := p.deleteMarked(t.Context(), backup.Obj(), b, []snapshots.Snapshot{seen}, &done); err != nil {
				t.Fatal(err)
			}
			var left snapshotv1.VolumeSnapshot
			err = c.Get(t.Context(), types.NamespacedName{Namespace: b.Namespace, Name: name}, &left)
			_, marked := left.Annotations[v1alpha1.AnnotationPruning]
			if apierrors.IsNotFound(err) != test.gone || (done.deleted.Load() == 1) != test.gone || done.waiting.Load() == test.gone || marked != test.marked {
				t.Errorf("%d deleted, waiting %t, marked %t (error: %v)", done.deleted.Load(), done.waiting.Load(), marked, err)
			}
		})
	}
}

// TestContentOf checks that only contents that were made for a snapshot are found.
func TestContentOf(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := snapshotv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	handle, bound := "handle", "content"
	snapshot := func() *snapshotv1.VolumeSnapshot {
		vs := &snapshotv1.VolumeSnapshot{Status: &snapshotv1.VolumeSnapshotStatus{BoundVolumeSnapshotContentName: &bound}}
		vs.UID = "uid"
		return vs
	}
	imported := snapshot()
	imported.Spec.Source.VolumeSnapshotContentName = &bound
	unbound := snapshot()
	unbound.Status = nil
	for what, test := range map[string]struct {
		vs   *snapshotv1.VolumeSnapshot
		ref  types.UID
		from snapshotv1.VolumeSnapshotContentSource
		want bool
	}{
		"made for it":          {snapshot(), "uid", snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &handle}, true},
		"made for another":     {snapshot(), "other", snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &handle}, false},
		"bound to none":        {unbound, "uid", snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &handle}, false},
		"imported":             {imported, "uid", snapshotv1.VolumeSnapshotContentSource{SnapshotHandle: &handle}, false},
		"the content's import": {snapshot(), "uid", snapshotv1.VolumeSnapshotContentSource{SnapshotHandle: &handle}, false},
	} {
		content := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{Source: test.from}}
		content.Name, content.Spec.VolumeSnapshotRef.UID = bound, test.ref
		p := &Pruner{APIReader: fake.NewClientBuilder().WithScheme(scheme).WithObjects(content).Build()}
		if got, err := p.contentOf(t.Context(), test.vs); err != nil || (got != nil) != test.want {
			t.Errorf("%s: found %t (error: %v)", what, got != nil, err)
		}
	}
}

// TestDropContent checks that only a retained content of Snapback's own snapshot
// is set to Delete.
func TestDropContent(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := snapshotv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	handle := "handle"
	for what, test := range map[string]struct {
		change func(*snapshotv1.VolumeSnapshot)
		keep   bool
		turned bool
	}{
		"a run's":             {func(*snapshotv1.VolumeSnapshot) {}, false, true},
		"all are to be kept":  {func(*snapshotv1.VolumeSnapshot) {}, true, false},
		"another's, labelled": {func(vs *snapshotv1.VolumeSnapshot) { vs.Name = "nightly" }, false, false},
		"made to look older": {func(vs *snapshotv1.VolumeSnapshot) {
			vs.Annotations[v1alpha1.AnnotationScheduledTime] = "2020-01-01T00:00:00Z"
		}, false, false},
		"of another KafkaBackup": {func(vs *snapshotv1.VolumeSnapshot) { vs.Annotations[v1alpha1.AnnotationBackupName] = "short" }, false, false},
		"of another claim":       {func(vs *snapshotv1.VolumeSnapshot) { vs.Spec.Source.PersistentVolumeClaimName = &handle }, false, false},
	} {
		vs := snapshotstest.NewSnapshot(snapshotstest.StatefulSetClaim("kafka", 0), snapshotstest.NewBackup("hourly", "kafka", "class"), "driver", at).Ready().Obj()
		test.change(vs)
		content := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{
			DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain, Source: snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &handle}}}
		content.Name, content.Spec.VolumeSnapshotRef.UID = "snapcontent-"+string(vs.UID), vs.UID
		c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(content).Build()
		p := &Pruner{Client: c, APIReader: c, Clock: clockwork.NewFakeClockAt(at), KeepContents: test.keep}
		s, err := snapshots.NewSnapshot(vs)
		if err != nil {
			t.Fatal(err)
		}
		var done tally
		now, err := p.dropContent(t.Context(), vs, s, &done)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(content), content); err != nil {
			t.Fatal(err)
		}
		if turned := content.Spec.DeletionPolicy == snapshotv1.VolumeSnapshotContentDelete; turned != test.turned || now == test.turned || (done.left.Load() == 1) == test.turned {
			t.Errorf("%s: turned %t, want %t; can be deleted now: %t", what, turned, test.turned, now)
		}
	}
}

// TestStoppedInConfigMap has a KafkaBackup in a ConfigMap that was frozen.
func TestStoppedInConfigMap(t *testing.T) {
	for _, reason := range []string{"", "audit"} {
		backup := snapshotstest.NewBackup("hourly", "kafka", "class")
		if reason != "" {
			backup.Annotate(v1alpha1.AnnotationFreeze, reason)
		}
		cm := snapshotstest.ConfigMapOf(backup.Obj())
		kb, err := snapshots.KafkaBackupOfConfigMap(cm)
		if err != nil {
			t.Fatal(err)
		}
		p := &Pruner{APIReader: fake.NewClientBuilder().WithObjects(cm).Build()}
		if stopped, err := p.stopped(t.Context(), kb); err != nil || stopped != (reason != "") {
			t.Errorf("stopped: %t, %v", stopped, err)
		}
	}
}

// TestReleaseOrphans has an uncut snapshot whose claim the cache does not have: the next
// claim of its name would fill it.
func TestReleaseOrphans(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, snapshotv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	broker := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker")
	backup := snapshotstest.NewBackup("hourly", "kafka", "class")
	snapshot := snapshotstest.NewSnapshot(broker, backup, "driver", noon).Annotate(v1alpha1.AnnotationSourcePVCUID, "first")
	claim := func(uid types.UID) *corev1.PersistentVolumeClaim {
		pvc := broker.Obj()
		pvc.UID = uid
		return pvc
	}
	content := &snapshotv1.VolumeSnapshotContent{}
	content.Name, content.Spec.VolumeSnapshotRef.UID = "snapcontent-"+string(snapshot.Obj().UID), snapshot.Obj().UID
	for what, test := range map[string]struct {
		cached, live *corev1.PersistentVolumeClaim
		content      bool
		gone         bool
	}{
		"its claim is gone":              {gone: true},
		"another claim has its name":     {live: claim("second"), gone: true},
		"the cache is behind":            {live: claim("first")},
		"its claim is there":             {cached: claim("first"), live: claim("first")},
		"it is of the volume by now":     {content: true},
		"of the volume, another is made": {live: claim("second"), content: true},
	} {
		t.Run(what, func(t *testing.T) {
			objects := []client.Object{snapshot.Obj()}
			if test.live != nil {
				objects = append(objects, test.live)
			}
			if test.content {
				objects = append(objects, content.DeepCopy())
			}
			c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
			p := &Pruner{Client: c, APIReader: c, Clock: clockwork.NewFakeClockAt(noon.Add(time.Minute))}
			b, err := snapshots.NewBackup(backup.Obj())
			if err != nil {
				t.Fatal(err)
			}
			s, err := snapshots.NewSnapshot(snapshot.Obj())
			if err != nil {
				t.Fatal(err)
			}
			seen := Seen{Backup: b, Own: []snapshots.Snapshot{s}}
			if test.cached != nil {
				seen.Claims = claims.OfCluster([]corev1.PersistentVolumeClaim{*test.cached}, b)
			}
			var done tally
			if err := p.release(t.Context(), seen, &done); err != nil {
				t.Fatal(err)
			}
			err = c.Get(t.Context(), client.ObjectKeyFromObject(snapshot.Obj()), &snapshotv1.VolumeSnapshot{})
			if apierrors.IsNotFound(err) != test.gone || (done.deleted.Load() == 1) != test.gone {
				t.Errorf("%d deleted: %v", done.deleted.Load(), err)
			}
		})
	}
}
