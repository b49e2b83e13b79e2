package prune

import (
	"context"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// named is the index of a fake apiserver that the real one has: of the names.
func named(o client.Object) []string { return []string{o.GetName()} }

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
		"a claim of the cluster waits":   {live: due().Obj(), claim: broker(1).From("another"), marked: true},
		"one waits, and it is held":      {live: due().Annotate(v1alpha1.AnnotationHold, "x").Obj(), claim: broker(1).From("another")},
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
			c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithIndex(&v1alpha1.KafkaBackup{}, "metadata.name", named).
				WithInterceptorFuncs(interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
					err := c.List(ctx, list, options...)
					if all, ok := list.(*v1alpha1.KafkaBackupList); ok && len(all.Items) > 1 {
						t.Errorf("%d KafkaBackups were read", len(all.Items))
					}
					return err
				}}).Build()
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

// TestGiveUp has uncut snapshots whose claims terminate, are gone, or were replaced by what
// the cache says. One that will be cut from its own claim's volume after all stays.
func TestGiveUp(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, snapshotv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	broker := snapshotstest.StatefulSetClaim("kafka", 0)
	uncut := func() *snapshotstest.Snapshot {
		return snapshotstest.NewSnapshot(broker, snapshotstest.NewBackup("hourly", "kafka", "class"), "driver", at).
			Annotate(v1alpha1.AnnotationSourcePVCUID, "first").Annotate(v1alpha1.AnnotationVolumeHandle, "volume")
	}
	claim := func(uid types.UID) *corev1.PersistentVolumeClaim { pvc := broker.Obj(); pvc.UID = uid; return pvc }
	terminating := claim("first")
	terminating.DeletionTimestamp, terminating.Finalizers = &metav1.Time{Time: at}, []string{"kubernetes.io/pvc-protection"}
	failing := func() *snapshotstest.Snapshot { return uncut().Cut(at).Failing("VolumeSnapshotContent is missing") }
	relabelled := uncut().Annotate(v1alpha1.AnnotationScheduledTime, "2020-01-01T00:00:00Z")
	for what, test := range map[string]struct {
		live  *snapshotstest.Snapshot
		claim *corev1.PersistentVolumeClaim // nil: none is there
		of    string                        // handle of the volume that its content names; empty: there is none
		taken bool                          // the storage has taken a snapshot for the content
		stays bool
	}{
		"the claim is there":                   {live: uncut(), claim: claim("first"), stays: true},
		"the claim terminates":                 {live: uncut(), claim: terminating},
		"it terminates, the storage has begun": {live: uncut(), claim: terminating, of: "volume"},
		"the claim is gone":                    {live: uncut()},
		"it is gone, the storage has begun":    {live: uncut(), of: "volume", stays: true},
		"the claim was replaced":               {live: uncut(), claim: claim("second")},
		"replaced, the storage had begun":      {live: uncut(), claim: claim("second"), of: "volume", stays: true},
		"replaced, of the second volume":       {live: uncut(), claim: claim("second"), of: "another"},
		"replaced, cut by now":                 {live: uncut().Cut(at), claim: claim("second"), stays: true},
		"replaced, relabelled":                 {live: relabelled, claim: claim("second"), stays: true},
		"cut, fails, its content is there":     {live: failing(), claim: terminating, of: "volume", taken: true, stays: true},
		"lost, the claim is there":             {live: failing(), claim: claim("first"), stays: true},
		"lost, the claim terminates":           {live: failing(), claim: terminating},
		"lost, the claim is gone":              {live: failing(), stays: true},
		"lost and made again, it terminates":   {live: failing(), claim: terminating, of: "volume"},
		"lost and made again, replaced":        {live: failing(), claim: claim("second"), of: "another"},
		"lost and made again, abandoned":       {live: failing().Annotate(v1alpha1.AnnotationAbandoned, "x"), claim: terminating, of: "volume"},
		"lost and made again, held":            {live: failing().Annotate(v1alpha1.AnnotationHold, "x"), claim: terminating, of: "volume", stays: true},
		"lost, made again and taken":           {live: failing(), claim: claim("second"), of: "another", taken: true, stays: true},
	} {
		t.Run(what, func(t *testing.T) {
			vs := test.live.Obj()
			objects := []client.Object{vs}
			if test.claim != nil {
				objects = append(objects, test.claim)
			}
			if test.of != "" {
				content := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{
					DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete, Source: snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &test.of}}}
				content.Name, content.Spec.VolumeSnapshotRef.UID = "snapcontent-"+string(vs.UID), vs.UID
				if test.taken {
					content.Status = &snapshotv1.VolumeSnapshotContentStatus{SnapshotHandle: ptr.To("taken")}
				}
				objects = append(objects, content)
			}
			c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithIndex(&corev1.PersistentVolumeClaim{}, "metadata.name", named).Build()
			p := &Pruner{Client: c, APIReader: c, Clock: clockwork.NewFakeClockAt(at)}
			seen, err := snapshots.NewSnapshot(uncut().Obj())
			if err != nil {
				t.Fatal(err)
			}
			var done tally
			if err := p.giveUp(t.Context(), vs.Namespace, seen, &done); err != nil {
				t.Fatal(err)
			}
			if stays := done.deleted.Load() == 0; stays != test.stays {
				t.Errorf("stays %t, want %t", stays, test.stays)
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
		now, left, err := p.dropContent(t.Context(), vs, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(content), content); err != nil {
			t.Fatal(err)
		}
		if turned := content.Spec.DeletionPolicy == snapshotv1.VolumeSnapshotContentDelete; turned != test.turned || now == test.turned || left == test.turned {
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
		p := &Pruner{APIReader: fake.NewClientBuilder().WithObjects(cm).WithIndex(cm, "metadata.name", named).Build()}
		if stopped, err := p.stopped(t.Context(), kb); err != nil || stopped != (reason != "") {
			t.Errorf("stopped: %t, %v", stopped, err)
		}
	}
}
