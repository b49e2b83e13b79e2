package webhook_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// fromWatchCache reports whether the options of a read accept what the apiserver's
// watch cache has.
func fromWatchCache(options []client.GetOption) bool {
	var o client.GetOptions
	o.ApplyOptions(options)
	return o.Raw != nil && o.Raw.ResourceVersion == "0"
}

// listedFromWatchCache is [fromWatchCache] for a list.
func listedFromWatchCache(options []client.ListOption) bool {
	var o client.ListOptions
	o.ApplyOptions(options)
	return o.Raw != nil && o.Raw.ResourceVersion == "0"
}

// watchCache lets reads from the apiserver's watch cache see these objects, or fail.
func watchCache(t *testing.T, objects []client.Object, err error) interceptor.Funcs {
	t.Helper()
	cached := reader(t, objects, interceptor.Funcs{})
	return interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
		if !fromWatchCache(options) {
			return c.Get(ctx, key, o, options...)
		}
		if err != nil {
			return err
		}
		return cached.Get(ctx, key, o, options...)
	}}
}

// TestWatchCache checks what the apiserver's watch cache says about the chosen
// snapshot: only "as you know it" is taken from it. All else is read live.
func TestWatchCache(t *testing.T) {
	name := func(n int) string { return hoursAgo(n).Obj().Name }
	both := objects(changed(1, asItWas), changed(2, asItWas))
	for _, test := range []struct {
		name                    string
		known, watchCache, live []client.Object
		err                     error
		decision, snapshot      string
	}{
		{"as known", both, both, both, nil, "restore Restored", name(1)},
		{"as known, gone by now", both, both, both[1:], nil, "restore Restored", name(1)}, // the scheduler finds the claim
		{"deleted", both, both[1:], both[1:], nil, "restore Restored", name(2)},
		{"being deleted", both, objects(changed(1, terminating)), objects(changed(1, terminating), both[1]), nil, "restore Restored", name(2)},
		{"damaged by now", both, objects(changed(1, damaged)), objects(changed(1, damaged), both[1]), nil, "restore Restored", name(2)},
		{"made anew under its name", both, objects(changed(1, anotherUID)), objects(changed(1, anotherUID), both[1]), nil, "restore Restored", name(2)},
		{"not seen yet by the watch cache", both, nil, both, nil, "restore Restored", name(1)},
		{"an older version in the watch cache", both, objects(changed(1, notReady)), both, nil, "restore Restored", name(1)},
		{"ready in the watch cache, not in truth", objects(changed(1, notReady)), objects(changed(1, asItWas)), objects(changed(1, notReady)), nil, "restore WaitingForSnapshot", name(1)},
		{"no answer from the watch cache", both, nil, both, errDown, "restore Restored", name(1)},
		{"all gone", both, nil, nil, nil, "allow NoSnapshot", ""},
		{"the watch cache still has what nobody knows", nil, both, nil, nil, "allow NoSnapshot", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := site{cached: append(surroundings(), test.known...), live: test.live, liveFaults: watchCache(t, test.watchCache, test.err)}
			audit := map[string]string{"decision": test.decision}
			if test.snapshot != "" {
				audit["snapshot"] = test.snapshot
			}
			wantAnswer(t, s.ask(t, recorded(t, strimziReview)), http.StatusOK, audit)
		})
	}
}

// A snapshot that nothing has happened to costs one read, of its metadata, without etcd.
// If a run has been due since, a question for its snapshot, too, and one for its volume.
func TestUnchangedSnapshotCostsOneRead(t *testing.T) {
	readsOf(t, now.Add(-time.Second), 0)
	readsOf(t, now, 1)
}

func readsOf(t *testing.T, at time.Time, wantQuestions int32) {
	t.Helper()
	s := siteOf(hoursAgo(1), hoursAgo(2))
	s.live = append(s.live, contentOf(hoursAgo(1), "handle-of-"+strimziClaim().Obj().Name))
	s.now = func() time.Time { return at }
	var reads, volumes, questions, others atomic.Int32
	s.liveFaults = interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if _, lean := o.(*metav1.PartialObjectMetadata); lean && fromWatchCache(options) && strings.HasPrefix(key.Name, "data-") {
				reads.Add(1)
			} else if _, content := o.(*snapshotv1.VolumeSnapshotContent); content && fromWatchCache(options) {
				volumes.Add(1)
			} else {
				others.Add(1)
			}
			return c.Get(ctx, key, o, options...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			err := c.List(ctx, list, options...)
			if lean, ok := list.(*metav1.PartialObjectMetadataList); ok && listedFromWatchCache(options) && len(lean.Items) == 0 {
				questions.Add(1)
			} else {
				others.Add(1)
			}
			return err
		},
	}
	wantAnswer(t, s.ask(t, recorded(t, strimziReview)), http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": hoursAgo(1).Obj().Name})
	if reads.Load() != 1 || questions.Load() != wantQuestions || volumes.Load() != wantQuestions || others.Load() != 0 {
		t.Errorf("%d reads of metadata, %d questions, %d reads of volumes, %d others", reads.Load(), questions.Load(), volumes.Load(), others.Load())
	}
}

// contentOf returns the content of a snapshot that the storage took of a volume.
func contentOf(s *snapshotstest.Snapshot, handle string) *snapshotv1.VolumeSnapshotContent {
	uid := s.Obj().UID
	content := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{Source: snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &handle}}}
	content.Name, content.Spec.VolumeSnapshotRef.UID = "snapcontent-"+string(uid), uid
	return content
}

// TestTakenOfAnother has the newest snapshot taken of the claim that came after the one
// that it names, and the scheduler has not seen it yet.
func TestTakenOfAnother(t *testing.T) {
	fresh := func() *snapshotstest.Snapshot {
		return snapshotstest.NewSnapshot(strimziClaim(), strimziBackup(), driver, now.Add(-time.Minute)).Ready()
	}
	own := "handle-of-" + strimziClaim().Obj().Name
	name := func(s *snapshotstest.Snapshot) string { return s.Obj().Name }
	for _, test := range []struct {
		name    string
		all     []*snapshotstest.Snapshot
		content *snapshotv1.VolumeSnapshotContent // nil: none
		want    string
	}{
		{"of its own volume", []*snapshotstest.Snapshot{fresh(), hoursAgo(1)}, contentOf(fresh(), own), name(fresh())},
		{"of another volume", []*snapshotstest.Snapshot{fresh(), hoursAgo(1)}, contentOf(fresh(), "another"), name(hoursAgo(1))},
		{"of another volume, pinned", []*snapshotstest.Snapshot{fresh().Annotate(v1alpha1.AnnotationRestoreNext, "true"), hoursAgo(1)}, contentOf(fresh(), "another"), name(fresh())},
		{"of another volume, the only one", []*snapshotstest.Snapshot{fresh()}, contentOf(fresh(), "another"), name(fresh())},
		{"of nobody knows which", []*snapshotstest.Snapshot{fresh(), hoursAgo(1)}, nil, name(fresh())},
		{"of another volume, hours ago", []*snapshotstest.Snapshot{hoursAgo(3), hoursAgo(4)}, contentOf(hoursAgo(3), "another"), name(hoursAgo(4))}, // a run is late
	} {
		t.Run(test.name, func(t *testing.T) {
			s := siteOf(test.all...)
			if test.content != nil {
				s.live = append(s.live, test.content)
			}
			answer := s.ask(t, recorded(t, strimziReview))
			wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": test.want})
		})
	}
	s := siteOf(fresh(), hoursAgo(1))
	s.liveFaults = failing("VolumeSnapshotContent")
	wantAnswer(t, s.ask(t, recorded(t, strimziReview)), http.StatusServiceUnavailable, map[string]string{"decision": "error Internal"})
}

// TestTakenOfAnotherLongAgo has the snapshot taken half an hour ago, of a KafkaBackup that
// is there, so that the scheduler has seen it, and of one that was deleted.
func TestTakenOfAnotherLongAgo(t *testing.T) {
	for backup, want := range map[string]int{strimziBackup().Obj().Name: 0, "deleted": 1} {
		t.Run(backup, func(t *testing.T) {
			halfAnHour := snapshotstest.NewSnapshot(strimziClaim(), strimziBackup(), driver, now.Add(-30*time.Minute)).Ready().
				Annotate(v1alpha1.AnnotationBackupName, backup)
			all := []*snapshotstest.Snapshot{halfAnHour, hoursAgo(1)}
			s := siteOf(all...)
			s.now = func() time.Time { return now.Add(-time.Second) }
			s.live = append(s.live, contentOf(halfAnHour, "another"))
			answer := s.ask(t, recorded(t, strimziReview))
			wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": all[want].Obj().Name})
		})
	}
}
