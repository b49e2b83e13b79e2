package screen

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestBackups has a KafkaBackup in each state that a person asks about.
func TestBackups(t *testing.T) {
	t.Parallel()
	spec := func(change func(*v1alpha1.KafkaBackupSpec)) *v1alpha1.KafkaBackup {
		return observed(hourly().Spec(change), nil)
	}
	ran := observed(hourly(), func(kb *v1alpha1.KafkaBackup) {
		kb.Status.MissedRuns = 3
		kb.Status.LastRun = &v1alpha1.RunStatus{Volumes: 4, Ready: 1, Failed: 1, Skipped: 2, SkippedVolumes: []v1alpha1.VolumeProblem{{PersistentVolumeClaim: "c", Reason: "is Pending"}}}
		kb.Status.NextScheduleTime = &metav1.Time{Time: now.Add(time.Minute)}
	})
	for name, test := range map[string]struct {
		object client.Object
		want   []string
	}{
		"hourly":    {observed(hourly(), nil), []string{"KafkaBackup", "active", "@every 1h, counted from its creation", "5 runs", "each snapshot, for ever"}},
		"suspended": {spec(func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = true }), []string{"suspended", "0 runs", "it is suspended"}},
		"frozen":    {observed(hourly().Annotate(v1alpha1.AnnotationFreeze, "why"), nil), []string{"frozen: why"}},
		"in a zone": {spec(func(s *v1alpha1.KafkaBackupSpec) {
			s.Schedule, s.TimeZone, s.Jitter = "0 3 * * *", "Europe/Budapest", "10m"
		}),
			[]string{"0 3 * * * in the time zone Europe/Budapest, each later by the same part of 10m", "5 runs"}},
		"a mistake": {spec(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionTime = "long" }), []string{`spec.retentionTime "long"`, "0 runs", "InvalidSpec"}},
		"ConfigMap": {snapshotstest.ConfigMapOf(observed(hourly(), nil)), []string{"ConfigMap", "5 runs"}},
		"retention": {spec(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionTime = "12h" }), []string{"each snapshot until it is older than 12h, and the newest two"}},
		"ran": {ran, []string{"1 of 4 ready, 1 failed, 2 skipped", "3: they could not be started", "1 more failed", "claim c skipped: is Pending", "1 more skipped",
			now.Add(time.Minute).Format(time.RFC3339)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := NewBackups(load(t, test.object), Part{}, now)
			if len(b.Shown) != 1 || b.Command() != "kubectl snapback status -n kafka" {
				t.Fatalf("%+v", b)
			}
			o := b.Shown[0]
			said := []string{o.Kind, o.State(), o.When, o.Idle, o.Keeps, o.Missed, o.Result()}
			said = append(append(said, o.Without...), map[int]string{0: "0 runs", nextRuns: "5 runs"}[len(o.Runs)])
			for _, at := range o.Runs {
				said = append(said, at.Format(time.RFC3339))
			}
			for _, p := range o.Problems {
				said = append(said, p.Reason)
			}
			for _, want := range test.want {
				if !strings.Contains(strings.Join(said, "\n"), want) {
					t.Errorf("there is no %q in %q", want, said)
				}
			}
		})
	}
}

// TestClaim asks about claims that live, are lost, and are twins, with the webhook's
// answer and without.
func TestClaim(t *testing.T) {
	t.Parallel()
	restored := bound(claim(1).From("s").Annotate(v1alpha1.AnnotationRestoredFrom, "s").Annotate(v1alpha1.AnnotationRestoredBy, v1alpha1.AnnotationRestoreNext))
	twin := func(name string) client.Object {
		return bound(snapshotstest.KoperatorClaim("kafka", 7, "/logs").Named(name).Class("ssd"))
	}
	i := load(t, observed(hourly(), nil), bound(claim(0)), restored, twin("a"), twin("b"),
		taken(claim(0), 1).Ready().Obj(), taken(claim(0), 2).Ready().Damaged().Obj(), taken(claim(2), 1).Ready().Obj(), taken(claim(3), 900).Ready().Obj())
	for name, test := range map[string]struct {
		answer  *rehearsal.Answer
		verdict string
		state   string
		shown   int
	}{
		"data-kafka-0": {&rehearsal.Answer{Outcome: rehearsal.Refused, Reason: v1alpha1.ReasonTooSmall, Says: []string{"too small"}}, "Lost, and created again now, it is refused.\n  too small", "Bound", 2},
		"data-kafka-1": {&rehearsal.Answer{Outcome: rehearsal.NotAllowed, Err: errors.New("no")}, "Lost, and created again now, as far as can be computed here, it starts empty: NoSnapshot.", "Bound", 0},
		"data-kafka-2": {nil, "It is gone. Created again as it was, as far as can be computed here, it is restored from VolumeSnapshot ", "gone", 1},
		"data-kafka-3": {nil, "It is gone. Created again as it was, as far as can be computed here, it is refused: Orphaned", "gone", 1},
		"a":            {nil, "Lost, and created again now, as far as can be computed here, it starts empty: NoSnapshot.", "Bound", 0},
	} {
		v, _, ok := i.OfClaim(name)
		if !ok {
			v, _ = i.LostClaim(name)
		}
		c := NewClaim(i, v, name, test.answer, "", Part{}, now)
		if got := strings.Join(c.Verdict, "\n"); !strings.HasPrefix(got, test.verdict) || c.State != test.state || len(c.Shown) != test.shown || c.Command() != "kubectl snapback explain "+name+" -n kafka" {
			t.Errorf("%s is %s, %d snapshots: %s", name, c.State, len(c.Shown), got)
		}
		switch name {
		case "data-kafka-0":
			if c.Shown[0].Passed != "" || c.Shown[1].Passed == "" || c.Shown[1].Mark.Sign != "D" || len(c.Shown[0].Actions) == 0 || c.Restore != "kubectl snapback restore kafka -n kafka --broker kafka-0 --dry-run" {
				t.Errorf("%+v", c)
			}
		case "data-kafka-1":
			if c.From.Snapshot != "s" || c.From.Chosen != "by "+v1alpha1.AnnotationRestoreNext {
				t.Errorf("it is from %+v", c.From)
			}
		case "a":
			if len(c.Others) != 1 || len(c.Problems) == 0 {
				t.Errorf("its twin is not told: %+v", c)
			}
		}
	}
}

// TestRestores has those under way first, then the newest, and what is refused.
func TestRestores(t *testing.T) {
	t.Parallel()
	at := func(hours int) metav1.Time { return metav1.Time{Time: ago(time.Duration(hours) * time.Hour)} }
	filling := bound(claim(0).From("s").Annotate(v1alpha1.AnnotationRestoredFrom, "s"))
	filling.Status.Phase, filling.CreationTimestamp = corev1.ClaimPending, at(3)
	noted := bound(claim(1).From("s").Annotate(v1alpha1.AnnotationRestoredFrom, "s").Annotate(v1alpha1.AnnotationRestoredTime, now.Format(time.RFC3339)))
	some := at(1)
	kb := observed(hourly(), func(kb *v1alpha1.KafkaBackup) {
		kb.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionRestoresVerified, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonVerified, Message: "all are well"}}
		kb.Status.Restores = []v1alpha1.RestoreStatus{
			{PersistentVolumeClaim: "data-kafka-2", VolumeSnapshot: "s", RequestedTime: at(2), BoundTime: &some, Kafka: &v1alpha1.RestoreReport{Message: "well", InSyncTime: &some, ReportedTime: &some,
				PartitionsLost: 3, LostPartitions: []v1alpha1.LostPartition{{Topic: "t", From: 1, To: 3, Exactness: "Exactly"}}}},
			{PersistentVolumeClaim: "data-kafka-0", VolumeSnapshot: "s", RequestedTime: at(3)},
		}
	})
	r := NewRestores(load(t, kb, filling, noted, bound(claim(2)), taken(claim(3), 900).Ready().Obj(), taken(claim(0), 1).Ready().Obj(), taken(claim(0), 2).Ready().Obj()), key, Part{}, now)
	var got []string
	for _, o := range r.Shown {
		got = append(got, o.PersistentVolumeClaim+" "+o.State()+": "+o.Said)
	}
	want := []string{"data-kafka-0 under way: no report: the claim is not bound yet",
		"data-kafka-2 over, the claim is gone or was replaced: in sync after 60m: well",
		"data-kafka-1 over: no report: no KafkaBackup tells of this restore: each remembers the last ten, of which it has seen the claim"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if p := r.Shown[1]; len(p.Phases) != 4 || p.Phases[2].Took != "60m" || p.More != 2 || p.Lost[0].Partition != "t-0" || r.Shown[0].Phases[1].Says != "not yet" || !r.Shown[2].DataOf().Equal(now) {
		t.Errorf("%+v", r.Shown)
	}
	if len(r.Refused) != 1 || r.Refused[0].Claim != "data-kafka-3" || len(r.Verified) != 1 || r.Command() != "kubectl snapback after kafka -n kafka" {
		t.Errorf("refused %+v, %q", r.Refused, r.Verified)
	}
	if none := NewRestores(load(t, kb), inventory.ClusterKey{Namespace: "kafka", Name: "other"}, Part{}, now); len(none.Shown) != 0 {
		t.Errorf("another cluster has %+v", none.Shown)
	}
}
