package prune

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPrunedIsRecorded prunes by each rule, and reads what the history has.
func TestPrunedIsRecorded(t *testing.T) {
	t.Parallel()
	broker := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker")
	backup := snapshotstest.NewBackup("hourly", "kafka", "class").Spec(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionCount = ptr.To(int32(2)) })
	for name, test := range map[string]struct {
		oldest func(*snapshotstest.Snapshot)
		claims []corev1.PersistentVolumeClaim
		want   v1alpha1.HistoryRule
	}{
		"one too many":      {func(s *snapshotstest.Snapshot) { s.Ready() }, nil, v1alpha1.RuleRetentionCount},
		"it failed":         {func(s *snapshotstest.Snapshot) { s.Failing("no space") }, []corev1.PersistentVolumeClaim{*broker.Obj()}, v1alpha1.RuleFailed},
		"its claim is gone": {func(*snapshotstest.Snapshot) {}, nil, v1alpha1.RuleClaimGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := noon.Add(48 * time.Hour)
			b, err := snapshots.NewBackup(backup.Obj())
			if err != nil {
				t.Fatal(err)
			}
			named := func(o client.Object) []string { return []string{o.GetName()} }
			builder := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(backup.Obj()).WithIndex(&v1alpha1.KafkaBackup{}, "metadata.name", named).WithIndex(&corev1.PersistentVolumeClaim{}, "metadata.name", named)
			for hours := range 3 {
				s := snapshotstest.NewSnapshot(broker, backup, "driver", noon.Add(time.Duration(hours)*time.Hour))
				if hours > 0 {
					s.Ready()
				} else if test.oldest(s); test.want != v1alpha1.RuleClaimGone {
					s.Annotate(v1alpha1.AnnotationPruning, noon.Format(time.RFC3339))
				}
				builder.WithObjects(s.Obj())
			}
			for i := range test.claims {
				builder.WithObjects(&test.claims[i])
			}
			c := builder.Build()
			var list snapshotv1.VolumeSnapshotList
			if err := c.List(t.Context(), &list); err != nil {
				t.Fatal(err)
			}
			seen := Seen{Backup: b, Claims: claims.OfCluster(test.claims, b)}
			for i := range list.Items {
				s, err := snapshots.NewSnapshot(&list.Items[i])
				if err != nil {
					t.Fatal(err)
				}
				seen.Own = append(seen.Own, s)
			}
			var out bytes.Buffer
			p := &Pruner{Client: c, APIReader: c, Recorder: events.NewFakeRecorder(10), Clock: clockwork.NewFakeClockAt(now), Led: time.Hour,
				History: &history.Recorder{Component: history.Scheduler, Out: &out, Now: func() time.Time { return now }}}
			if _, err := p.Tidy(t.Context(), backup.Obj(), seen); err != nil {
				t.Fatal(err)
			}
			var e v1alpha1.HistoryEntry
			if err := json.Unmarshal(out.Bytes(), &e); err != nil {
				t.Fatalf("one line expected: %q: %v", out.String(), err)
			}
			oldest := seen.Own[0]
			if e.Kind != v1alpha1.HistoryPruned || e.Reason != string(test.want) || e.Snapshot != oldest.Name || e.SnapshotUID != string(oldest.UID) || e.Run != "20260301-120000" ||
				e.Claim != "broker" || e.Cluster != "kafka" || e.Backup != "hourly" || e.Volume == "" || e.Actor != history.Snapback {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestLostAnswerIsRecorded has deletions whose answers are lost, as when the scheduler is
// told to end: what went is recorded, and what stays is not.
func TestLostAnswerIsRecorded(t *testing.T) {
	t.Parallel()
	backup := snapshotstest.NewBackup("hourly", "kafka", "class")
	for name, test := range map[string]struct {
		deleted, going bool
		err            error
		want           bool
	}{
		"it went":                 {deleted: true, err: context.Canceled, want: true},
		"it is going":             {deleted: true, going: true, err: errors.New("connection reset"), want: true},
		"it stays":                {err: context.Canceled},
		"the apiserver timed out": {deleted: true, err: apierrors.NewTimeoutError("", 1), want: true},
		"another deleted it":      {deleted: true, err: apierrors.NewConflict(schema.GroupResource{}, "x", errors.New("uid"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			vs := snapshotstest.NewSnapshot(snapshotstest.StatefulSetClaim("kafka", 0), backup, "driver", noon).Ready().Obj()
			if test.going {
				vs.Finalizers = []string{"example.com/held"}
			}
			c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(vs).WithInterceptorFuncs(interceptor.Funcs{
				Delete: func(ctx context.Context, c client.WithWatch, o client.Object, _ ...client.DeleteOption) error {
					defer cancel()
					if test.deleted {
						if err := c.Delete(ctx, o); err != nil {
							return err
						}
					}
					return test.err
				},
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
					if err := ctx.Err(); err != nil {
						return err
					}
					return c.Get(ctx, key, o, options...)
				},
			}).Build()
			s, err := snapshots.NewSnapshot(vs)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			p := &Pruner{Client: c, APIReader: c, Clock: clockwork.NewFakeClockAt(noon),
				History: &history.Recorder{Component: history.Scheduler, Out: &out, Now: func() time.Time { return noon }}}
			var done tally
			if err := p.delete(ctx, vs, s, &done); (err == nil) != test.want {
				t.Error(err)
			}
			if lines := bytes.Count(out.Bytes(), []byte("\n")); (lines == 1) != test.want || (done.deleted.Load() == 1) != test.want {
				t.Errorf("%d deleted, log: %s", done.deleted.Load(), out.String())
			}
		})
	}
}
