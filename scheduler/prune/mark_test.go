package prune

import (
	"context"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestMarkHasTheTimeOfTheWrite has an apiserver that answers the write before it only
// after half a minute. The webhook has a whole minute all the same.
func TestMarkHasTheTimeOfTheWrite(t *testing.T) {
	t.Parallel()
	broker := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker")
	backup := snapshotstest.NewBackup("hourly", "kafka", "class")
	builder := fake.NewClientBuilder().WithScheme(api.NewScheme())
	var own []snapshots.Snapshot
	for run := range 4 {
		s := snapshotstest.NewSnapshot(broker, backup, "driver", noon.Add(time.Duration(run)*time.Hour)).Ready()
		if run == 3 { // the newest is kept
			s.Annotate(v1alpha1.AnnotationPruning, noon.Format(time.RFC3339))
		}
		vs := s.Obj()
		builder.WithObjects(vs)
		read, err := snapshots.NewSnapshot(vs)
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, read)
	}
	b, err := snapshots.NewBackup(backup.Spec(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionTime = "1h" }).Obj())
	if err != nil {
		t.Fatal(err)
	}
	now := noon.Add(48 * time.Hour)
	clock := clockwork.NewFakeClockAt(now)
	c := builder.WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, options ...client.PatchOption) error {
			if o.GetName() == own[3].Name {
				clock.Advance(30 * time.Second)
			}
			return c.Patch(ctx, o, patch, options...)
		}}).Build()
	p := &Pruner{Client: c, APIReader: c, Clock: clock, Led: time.Hour}
	if _, err := p.prune(t.Context(), backup.Obj(), Seen{Backup: b, Own: own}, &tally{}); err != nil {
		t.Fatal(err)
	}
	var oldest snapshotv1.VolumeSnapshot
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: b.Namespace, Name: own[0].Name}, &oldest); err != nil {
		t.Fatal(err)
	}
	if want := now.Add(30 * time.Second).Format(time.RFC3339); oldest.Annotations[v1alpha1.AnnotationPruning] != want {
		t.Errorf("marked at %q, %q expected", oldest.Annotations[v1alpha1.AnnotationPruning], want)
	}
}
