package scheduler_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// past is a volume with the snapshots of three runs. The oldest comes first.
type past struct {
	*fixture
	backup *v1alpha1.KafkaBackup
	claim  *corev1.PersistentVolumeClaim
	names  []string
}

// newPast makes a past with a clock that is hours behind, so that claims that are
// created now come after the runs.
func newPast(t *testing.T) *past {
	t.Helper()
	f := newFixture(t)
	f.clock = clockwork.NewFakeClockAt(time.Now().UTC().Add(-5 * time.Hour).Truncate(time.Second))
	p := &past{fixture: f, claim: f.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))}
	f.start()
	p.backup = f.backup(hourly().Schedule("0 * * * *"))
	for range 3 {
		p.names = append(p.names, snapshots.Name(p.claim.Name, p.backup.Name, f.runNext(p.backup)))
	}
	return p
}

// again restores the volume from a snapshot, and waits until the restore is
// verified.
func (p *past) again(claim *snapshotstest.Claim, from string) {
	p.Helper()
	p.delete(p.claim)
	p.claim = p.fixture.claim(claim.From(from))
	p.until(p.backup, "the restore", func(s v1alpha1.KafkaBackupStatus) bool {
		return len(s.Restores) > 0 && s.Restores[0].PersistentVolumeClaim == p.claim.Name && s.Restores[0].BoundTime != nil
	})
}

func (p *past) snapshot(name string) *snapshotv1.VolumeSnapshot {
	return &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: name}}
}

func restored(from string) *snapshotstest.Claim {
	return snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Annotate(v1alpha1.AnnotationRestoredFrom, from)
}

func (p *past) abandoned(want ...string) {
	p.Helper()
	for i, name := range p.names {
		p.annotation(name, v1alpha1.AnnotationAbandoned, want[i])
	}
}

// TestRestoreNextAbandons goes back to the oldest snapshot, and then to the
// newest of the snapshots that this restore left aside.
func TestRestoreNextAbandons(t *testing.T) {
	p := newPast(t)
	oldest, newest := p.names[0], p.names[2]
	p.annotate(p.snapshot(oldest), v1alpha1.AnnotationRestoreNext, "true")
	p.again(restored(oldest).Annotate(v1alpha1.AnnotationRestoredBy, "restore-next"), oldest)
	p.annotation(oldest, v1alpha1.AnnotationRestoreNext, "")
	p.abandoned("", oldest, oldest)
	p.waitForEvent(p.backup, "TimelineForked")

	// A pin for the next loss does not count as one that has done its work.
	p.annotate(p.snapshot(newest), v1alpha1.AnnotationRestoreNext, "true")
	p.pin(metav1.ConditionFalse)
	p.annotation(newest, v1alpha1.AnnotationRestoreNext, "true")
	p.again(restored(newest).Annotate(v1alpha1.AnnotationRestoredBy, "restore-next"), newest)
	p.annotation(newest, v1alpha1.AnnotationRestoreNext, "")
	p.abandoned("", oldest, "")
}

// TestNewestUsableAbandonsNothing restores from the second newest, as the
// webhook does when the newest is not ready.
func TestNewestUsableAbandonsNothing(t *testing.T) {
	p := newPast(t)
	p.again(restored(p.names[1]), p.names[1])
	p.abandoned("", "", "")
}

// A pin counts also if it is removed as soon as the claim exists.
func TestRestoreBeforeAbandons(t *testing.T) {
	p := newPast(t)
	p.again(restored(p.names[1]).Annotate(v1alpha1.AnnotationRestoredBy, "restore-before"), p.names[1])
	p.abandoned("", "", p.names[1])
}

// pin waits for the condition PinInForce.
func (p *past) pin(want metav1.ConditionStatus) {
	p.Helper()
	p.until(p.backup, "PinInForce "+string(want), func(s v1alpha1.KafkaBackupStatus) bool {
		c := meta.FindStatusCondition(s.Conditions, "PinInForce")
		return c == nil && want == "" || c != nil && c.Status == want
	})
}

func TestPinInForce(t *testing.T) {
	p := newPast(t)
	p.pin("")
	p.annotate(p.backup, v1alpha1.AnnotationRestoreBefore, time.Now().UTC().Format(time.RFC3339))
	p.pin(metav1.ConditionFalse)
	p.annotate(p.snapshot(p.names[0]), v1alpha1.AnnotationStartEmptyUntil, p.clock.Now().Add(12*time.Hour).UTC().Format(time.RFC3339))
	p.until(p.backup, "both pins", func(s v1alpha1.KafkaBackupStatus) bool {
		c := meta.FindStatusCondition(s.Conditions, "PinInForce")
		return c.Status == metav1.ConditionFalse && c.Message == fmt.Sprintf("Claims do not get the newest good snapshot: "+
			"snapback.dev/restore-before on KafkaBackup hourly, snapback.dev/start-empty-until on VolumeSnapshot %s", p.names[0])
	})
	p.clock.Advance(24 * time.Hour)
	p.lookAgain(p.backup)
	p.pin(metav1.ConditionTrue)
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:null}}}`, v1alpha1.AnnotationRestoreBefore))
	if err := p.client.Patch(t.Context(), p.backup.DeepCopy(), patch); err != nil {
		t.Fatal(err)
	}
	p.pin("") // end the other pin
}
