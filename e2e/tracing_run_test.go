package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/tracing"
)

// nightly makes a KafkaBackup that runs now, and asks the brokers of a Kafka.
func (s *tracedSite) nightly(t *testing.T, brokers ...string) {
	t.Helper()
	s.backup = snapshotstest.NewBackup("nightly", "kafka", cluster.SnapshotClass).In(s.ns).Schedule(never).Annotate(v1alpha1.AnnotationRestore, "latest").
		Annotate(v1alpha1.AnnotationRunNow, time.Now().UTC().Format(time.RFC3339)).
		Spec(func(spec *v1alpha1.KafkaBackupSpec) {
			if len(brokers) > 0 {
				spec.Kafka = &v1alpha1.KafkaAccess{BootstrapServers: strings.Join(brokers, ",")}
			}
		}).Obj()
	create(t, s.Client, s.backup)
}

// awaitRun waits until the run is complete.
func (s *tracedSite) awaitRun(t *testing.T) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := s.Get(ctx, client.ObjectKeyFromObject(s.backup), s.backup); err != nil {
			return err
		}
		if last := s.backup.Status.LastRun; last == nil || last.CompletionTime == nil {
			return fmt.Errorf("the run is not complete: %+v", last)
		}
		return nil
	})
}

// checkRun waits for the trace of the run, and compares it with the snapshots.
func (s *tracedSite) checkRun(t *testing.T) {
	t.Helper()
	s.awaitRun(t)
	var all []span
	eventually(t, func(context.Context) error {
		all = s.trace(tracing.OfRun(s.backup.UID, s.backup.Status.LastRun.ScheduledTime.Time).ID())
		if !has(all, tracing.SpanReady) {
			return fmt.Errorf("%d spans of the run", len(all))
		}
		return nil
	})
	root, attempt, last := find(t, all, tracing.SpanRun), find(t, all, tracing.SpanAttempt), s.backup.Status.LastRun
	if len(root.ParentSpanId) != 0 || !root.start().Equal(last.ScheduledTime.Time) || root.service != "snapback-scheduler" {
		t.Errorf("the root of the run of %s: %v", last.ScheduledTime, root)
	}
	if got, want := under(all, root), []string{tracing.SpanAttempt, tracing.SpanCut, tracing.SpanCut, tracing.SpanCut, tracing.SpanReady}; !slices.Equal(got, want) {
		t.Errorf("in the run are %q, want %q", got, want)
	}
	if got, want := under(all, attempt), []string{tracing.SpanAsk, tracing.SpanCreate, tracing.SpanCreate, tracing.SpanCreate, tracing.SpanPlan, tracing.SpanAwait, tracing.SpanWait}; !slices.Equal(got, want) {
		t.Errorf("in the attempt are %q, want %q", got, want)
	}
	if ready := find(t, all, tracing.SpanReady); !ready.end().Equal(latestOf(ready.start(), last.CompletionTime.Time)) {
		t.Errorf("ready at %s, the status says %s", ready.end(), last.CompletionTime)
	}
	for _, one := range all {
		if one.Name != tracing.SpanCut {
			continue
		}
		var vs snapshotv1.VolumeSnapshot
		if err := s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: text(one.Attributes, "snapback.snapshot")}, &vs); err != nil {
			t.Fatal(err)
		}
		if !one.start().Equal(vs.CreationTimestamp.Time) || !one.end().Equal(latestOf(one.start(), vs.Status.CreationTime.Time)) {
			t.Errorf("cut from %s to %s, snapshot %s says from %s to %s", one.start(), one.end(), vs.Name, vs.CreationTimestamp, vs.Status.CreationTime)
		}
	}
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a.UTC()
	}
	return b.UTC()
}

// often makes a KafkaBackup of a volume in a namespace of its own that soon has more
// snapshots than it keeps.
func (s *tracedSite) often(t *testing.T) *v1alpha1.KafkaBackup {
	t.Helper()
	ns := newNamespace(t, s.Client, nil)
	create(t, s.Client, snapshotstest.KoperatorClaim("other", 0, "/kafka-logs").In(ns).Class(cluster.StorageClass).Obj())
	kb := snapshotstest.NewBackup("often", "other", cluster.SnapshotClass).In(ns).Schedule("@every 10s").
		Spec(func(spec *v1alpha1.KafkaBackupSpec) { spec.RetentionTime, spec.RetentionCount = "", ptr.To(int32(2)) }).Obj()
	create(t, s.Client, kb)
	return kb
}

// checkPrune waits until snapshots of the KafkaBackup are pruned, which are marked a minute
// before: that is told in the run that they have made room for.
func (s *tracedSite) checkPrune(t *testing.T, kb *v1alpha1.KafkaBackup) {
	t.Helper()
	var root, prune span
	err := cluster.Eventually(t.Context(), 3*patience, func(context.Context) error {
		for _, id := range s.named(tracing.SpanPrune) {
			all := s.trace(id)
			for _, one := range all {
				switch one.Name {
				case tracing.SpanRun:
					root = one
				case tracing.SpanPrune:
					prune = one
				}
			}
			if root.Span != nil {
				return nil
			}
		}
		return errors.New("no run has pruned and ended")
	})
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, text(root.Attributes, string(tracing.Scheduled)))
	if err != nil || tracing.OfRun(kb.UID, at).ID() != fmt.Sprintf("%x", prune.TraceId) || string(prune.ParentSpanId) != string(root.SpanId) {
		t.Errorf("pruned in the run %v of %s: %v", root, at, err)
	}
	if text(prune.Attributes, string(tracing.Backup)) != kb.Name || prune.start().Before(at) || prune.end().Before(prune.start()) {
		t.Errorf("pruned: %v", prune)
	}
}
