package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestSpoiltLabels checks a volume whose only snapshot somebody has relabelled: it is
// not a new volume.
func TestSpoiltLabels(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		review string
		vs     *snapshotv1.VolumeSnapshot
		spoil  func(*snapshotv1.VolumeSnapshot)
		cached bool // the watch selects by managed-by
	}{
		"the volume of a generated name": {koperatorReview, koperatorSnapshot(now.Add(-time.Hour)).Obj(), func(vs *snapshotv1.VolumeSnapshot) { delete(vs.Labels, v1alpha1.LabelVolume) }, true},
		"the volume of a stable name":    {strimziReview, hoursAgo(1).Obj(), func(vs *snapshotv1.VolumeSnapshot) { delete(vs.Labels, v1alpha1.LabelVolume) }, true},
		"who manages it":                 {strimziReview, hoursAgo(1).Obj(), func(vs *snapshotv1.VolumeSnapshot) { vs.Labels[v1alpha1.LabelManagedBy] = "Helm" }, false},
	} {
		test.spoil(test.vs)
		s := site{cached: surroundings(), live: []client.Object{test.vs}}
		if test.cached {
			s.cached = append(s.cached, test.vs.DeepCopy())
		}
		answer := s.ask(t, recorded(t, test.review))
		if answer.Result.Code != http.StatusForbidden || answer.AuditAnnotations["decision"] != "deny Unreadable" {
			t.Errorf("%s: %v %s", name, answer.AuditAnnotations, answer.Result.Message)
		}
	}
}

// TestStartEmptyIsOff checks a pin that was removed, but is still in the cache.
func TestStartEmptyIsOff(t *testing.T) {
	t.Parallel()
	pinned := hoursAgo(1).Annotate(v1alpha1.AnnotationStartEmptyUntil, now.Add(time.Hour).Format(time.RFC3339))
	answer := siteWith([]*snapshotstest.Snapshot{pinned}, []*snapshotstest.Snapshot{hoursAgo(1)}).ask(t, recorded(t, strimziReview))
	wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": hoursAgo(1).Obj().Name})
}

// TestLabelsOverruleTheName checks a claim whose labels name another broker than an
// earlier claim of its name.
func TestLabelsOverruleTheName(t *testing.T) {
	t.Parallel()
	claim := func(broker string) *snapshotstest.Claim {
		return snapshotstest.PlainClaim("disk-a").In(namespace).Label(v1alpha1.LabelCluster, "my-cluster").Label(v1alpha1.LabelBroker, broker)
	}
	answer := siteOf(takenOf(claim("1"), strimziBackup(), time.Hour)).ask(t, reviewOf(t, strimziReview, func(pvc *corev1.PersistentVolumeClaim) {
		c := claim("2").Obj()
		pvc.Name, pvc.Labels, pvc.Annotations = c.Name, c.Labels, c.Annotations
	}))
	wantAnswer(t, answer, http.StatusForbidden, map[string]string{"decision": "deny AmbiguousVolume"})
}

// TestRelabelledLongAgo checks the claim of a new release that has the name of one
// that was removed a year ago.
func TestRelabelledLongAgo(t *testing.T) {
	t.Parallel()
	release := func(instance string) *snapshotstest.Claim {
		return snapshotstest.PlainClaim("data-kafka-0").In(namespace).Label("app.kubernetes.io/name", "kafka").Label("app.kubernetes.io/instance", instance)
	}
	backup := snapshotstest.NewBackup("hourly", "first", "csi-snapshots").In(namespace).Annotate(restore, "latest")
	answer := siteOf(takenOf(release("first"), backup, 365*24*time.Hour)).ask(t, reviewOf(t, strimziReview, func(pvc *corev1.PersistentVolumeClaim) {
		c := release("second").Obj()
		pvc.Name, pvc.Labels, pvc.Annotations = c.Name, c.Labels, c.Annotations
	}))
	wantAnswer(t, answer, http.StatusForbidden, map[string]string{"decision": "deny Orphaned"})
}

// TestRestlessSnapshots checks snapshots that change at every read. The handler must
// give up before its deadline, and not read from the apiserver all the time.
func TestRestlessSnapshots(t *testing.T) {
	t.Parallel()
	var reads atomic.Int64
	s := siteOf(hoursAgo(1))
	s.liveFaults = interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
		err := c.Get(ctx, key, o, options...)
		n := reads.Add(1)
		o.SetResourceVersion(strconv.FormatInt(n, 10))
		if vs, ok := o.(*snapshotv1.VolumeSnapshot); ok {
			vs.Annotations[v1alpha1.AnnotationRestoreMaxAge] = fmt.Sprintf("%dh", 100+n)
		}
		return err
	}}
	answer := s.ask(t, recorded(t, strimziReview))
	wantAnswer(t, answer, http.StatusServiceUnavailable, map[string]string{"decision": "error Internal"})
	if n := reads.Load(); n > 4*12 { // the snapshot, and its content, from the watch cache and live, in each of twelve steps
		t.Errorf("%d reads", n)
	}
}

// TestListsInPages checks a namespace with many snapshots of other tools. They are
// listed in pages, and only for one claim at a time.
func TestListsInPages(t *testing.T) {
	t.Parallel()
	s := site{cached: surroundings()}
	var lists, most atomic.Int64
	s.liveFaults = interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
		if _, ok := list.(*snapshotv1.VolumeSnapshotList); ok {
			var o client.ListOptions
			o.ApplyOptions(options)
			if o.Limit == 0 {
				t.Error("a list without a limit")
			}
			most.Store(max(most.Load(), lists.Add(1)))
			defer lists.Add(-1)
		}
		return c.List(ctx, list, options...)
	}}
	h := s.handler(t)
	done := make(chan string)
	for range 4 {
		go func() { done <- string(post(t.Context(), t, h, recorded(t, strimziReview))) }()
	}
	for range 4 {
		if answer := <-done; !strings.Contains(answer, "NoSnapshot") {
			t.Errorf("answered %s", answer)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d lists of one namespace at once", most.Load())
	}
}
