package scheduler

import (
	"context"
	"testing"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	snapbackapi "github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

// TestSnapshotKindIsGone has somebody remove the CRD of VolumeSnapshots during a term.
// Ready says so; otherwise it would say Scheduled while no run can be made.
func TestSnapshotKindIsGone(t *testing.T) {
	class := &snapshotv1.VolumeSnapshotClass{Driver: "driver"}
	class.Name = "class"
	kb := snapshotstest.NewBackup("hourly", "kafka", "class").Obj()
	kb.UID = "hourly"
	r, _ := seeing(t, kb, class)
	r.Client = fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme()).WithObjects(kb, class).WithStatusSubresource(kb).Build()
	jobs, err := newJobs(clockwork.NewFakeClockAt(created), func(attempt) {})
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.gocron.Shutdown() //nolint:errcheck // no run is under way
	r.jobs, r.Recorder = jobs, events.NewFakeRecorder(100)
	unknown := &meta.NoKindMatchError{GroupKind: volumeSnapshots.GroupKind(), SearchedVersions: []string{volumeSnapshots.Version}}
	asked := make(chan struct{})
	r.watched = watched.NewSnapshots(fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, _ client.WithWatch, _ client.ObjectList, _ ...client.ListOption) error {
			select {
			case asked <- struct{}{}: // after the answer to the watch
			case <-ctx.Done():
			}
			return unknown
		},
		Watch: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) (watch.Interface, error) {
			return nil, unknown
		},
	}).Build(), snapshots.Snapshot.Watched)
	go r.watched.Start(t.Context()) //nolint:errcheck // it returns none
	<-asked
	result, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(kb)})
	if err != nil || result.RequeueAfter != resync {
		t.Errorf("%v, %v", result, err)
	}
	if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(kb), kb); err != nil {
		t.Fatal(err)
	}
	if c := meta.FindStatusCondition(kb.Status.Conditions, v1alpha1.ConditionReady); c == nil || c.Reason != v1alpha1.ReasonSnapshotAPINotFound {
		t.Errorf("Ready is %+v", c)
	}
}
