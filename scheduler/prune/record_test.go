package prune

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

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
