package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/tracing"
)

// maxSpans is how many snapshots of a run have spans of each sort. The rest is counted.
const maxSpans = 50

// spansLeft is the key of how many snapshots an attempt has begun to create.
type spansLeft struct{}

func ofBackup(kb *v1alpha1.KafkaBackup) []attribute.KeyValue {
	return []attribute.KeyValue{tracing.Namespace(kb.Namespace), tracing.Backup.String(kb.Name), tracing.Cluster.String(kb.Spec.ClusterRef)}
}

// traceAttempt begins the span of one try of a run. The caller ends it with the outcome.
func (r *Reconciler) traceAttempt(ctx context.Context, a attempt) (context.Context, func(*Result, error)) {
	if r.traces.Tracer == nil {
		return ctx, func(*Result, error) {}
	}
	ctx, span := r.traces.Begin(ctx, tracing.OfRun(a.uid, a.scheduled), tracing.SpanAttempt,
		tracing.Namespace(a.key.Namespace), tracing.Backup.String(a.key.Name), tracing.At(tracing.Scheduled, a.scheduled))
	begun := &atomic.Int32{}
	return context.WithValue(ctx, spansLeft{}, begun), func(result *Result, err error) {
		if result != nil {
			span.Set(tracing.Volumes.Int(result.Volumes), tracing.Created.Int(len(result.Created)), tracing.Skipped.Int(len(result.Skipped)), tracing.Failed.Int(len(result.Failed)),
				tracing.Untold.Int(max(0, int(begun.Load())-maxSpans)))
			span.Fail(result.failures())
		}
		span.End(err)
	}
}

// traceCreate begins the span of one snapshot's creation, as long as there are not too many.
func (r *Reconciler) traceCreate(ctx context.Context, t task) (context.Context, *tracing.Span) {
	if begun, ok := ctx.Value(spansLeft{}).(*atomic.Int32); !ok || begun.Add(1) > maxSpans {
		return ctx, nil
	}
	return r.traces.Start(ctx, tracing.SpanCreate, tracing.Claim(t.PVC.Name), tracing.ClaimUID(string(t.PVC.UID)))
}

// traceRuns tells the last run when it is complete, and one that another has replaced before
// it was.
func (r *Reconciler) traceRuns(before, kb *v1alpha1.KafkaBackup, seen view) {
	last, earlier := kb.Status.LastRun, before.Status.LastRun
	if earlier != nil && earlier.CompletionTime == nil && last != nil && !last.ScheduledTime.Equal(&earlier.ScheduledTime) {
		r.traceRun(kb, *earlier, seen.own, r.Clock.Now())
	}
	if last != nil && last.CompletionTime != nil {
		r.traceRun(kb, *last, seen.own, last.CompletionTime.Time)
	}
}

// shortOf says what a run that has ended lacks; empty: nothing. One without volumes, or all of whose
// volumes are skipped, has no completion, and lacks nothing.
func shortOf(run v1alpha1.RunStatus) string {
	switch {
	case run.Ready < run.Volumes-run.Failed-run.Skipped:
		return "the next run has begun before all snapshots of this one were ready"
	case run.Failed > 0:
		return fmt.Sprintf("of %d of %d volumes no snapshot could be created", run.Failed, run.Volumes)
	}
	return ""
}

// traceRun tells a run that has ended: its root, how long the storage took to cut the
// snapshots, of the slowest, and how long until all were ready.
func (r *Reconciler) traceRun(kb *v1alpha1.KafkaBackup, run v1alpha1.RunStatus, own []snapshots.Snapshot, end time.Time) {
	story := tracing.OfRun(kb.UID, run.ScheduledTime.Time)
	root := tracing.Past{Name: tracing.SpanRun, From: run.ScheduledTime.Time, To: end, Failed: shortOf(run)}
	if end.Before(r.began.Add(-takeover)) || !r.traces.told.First(story, root) {
		return
	}
	cut, lastCut := slowest(own, run.ScheduledTime.Time)
	root.To = latest(end, lastCut)
	root.Attributes = append(ofBackup(kb), tracing.At(tracing.Scheduled, run.ScheduledTime.Time), tracing.Volumes.Int(int(run.Volumes)),
		tracing.Ready.Int(int(run.Ready)), tracing.Skipped.Int(int(run.Skipped)), tracing.Failed.Int(int(run.Failed)), tracing.Untold.Int(max(0, len(cut)-maxSpans)))
	r.traces.TellRoot(story, root)
	for _, s := range cut[:min(len(cut), maxSpans)] {
		r.traces.Tell(story, tracing.Past{Name: tracing.SpanCut, Of: s.Name, From: s.Created, To: s.Cut,
			Attributes: []attribute.KeyValue{tracing.Snapshot.String(s.Name), tracing.Claim(s.SourcePVC), tracing.ClaimUID(s.SourcePVCUID)}})
	}
	if run.CompletionTime != nil && !lastCut.IsZero() {
		r.traces.Tell(story, tracing.Past{Name: tracing.SpanReady, From: lastCut, To: end})
	}
}

// slowest returns the snapshots of a run that are cut, those that took the longest first, and
// when the last was cut.
func slowest(own []snapshots.Snapshot, scheduled time.Time) (cut []snapshots.Snapshot, last time.Time) {
	for _, s := range own {
		if s.Scheduled.Equal(scheduled) && !s.Cut.IsZero() {
			cut, last = append(cut, s), latest(last, s.Cut)
		}
	}
	slices.SortFunc(cut, func(a, b snapshots.Snapshot) int {
		return cmp.Or(cmp.Compare(b.Cut.Sub(b.Created), a.Cut.Sub(a.Created)), cmp.Compare(a.Name, b.Name))
	})
	return cut, last
}

// tracePrune tells what was pruned, in the trace of the run that it has followed.
func (r *Reconciler) tracePrune(kb *v1alpha1.KafkaBackup, from time.Time, pruned, left int, err error) {
	last := kb.Status.LastRun
	if r.traces.Tracer == nil || last == nil || pruned == 0 && left == 0 {
		return
	}
	p := tracing.Past{Name: tracing.SpanPrune, Of: from.String(), From: from, To: r.Clock.Now(),
		Attributes: append(ofBackup(kb), tracing.Pruned.Int(pruned), tracing.Left.Int(left))}
	if err != nil {
		p.Failed = err.Error()
	}
	r.traces.Tell(tracing.OfRun(kb.UID, last.ScheduledTime.Time), p) // nothing else tells of it
}
