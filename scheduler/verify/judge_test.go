package verify

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var created = time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)

func optedInBackup() *snapshotstest.Backup {
	return snapshotstest.NewBackup("hourly", "kafka", "class").Annotate(v1alpha1.AnnotationRestore, "latest")
}

// newSubject is a claim that is bound to a volume that was provisioned for it,
// with a snapshot of its volume from an hour before.
func newSubject(t *testing.T, name string, change func(*subject)) subject {
	t.Helper()
	builder := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named(name)
	vs := snapshotstest.NewSnapshot(builder, optedInBackup(), "driver", created.Add(-time.Hour)).Ready().Obj()
	old, err := snapshots.NewSnapshot(vs)
	if err != nil {
		t.Fatal(err)
	}
	pvc := builder.Obj()
	pvc.UID, pvc.CreationTimestamp = types.UID("uid-"+name), metav1.Time{Time: created}
	pvc.Spec.VolumeName, pvc.Status.Phase = "pvc-uid-"+name, corev1.ClaimBound
	b, err := snapshots.NewBackup(optedInBackup().Obj())
	if err != nil {
		t.Fatal(err)
	}
	volume, _ := snapshots.Identify(pvc.Namespace, pvc, nil)
	s := subject{
		Claim:   claims.Claim{Volume: volume, PVC: pvc},
		optedIn: true, history: []snapshots.Snapshot{old}, promoteAfter: 24 * time.Hour,
		known: snapshots.Cluster{Backups: []snapshots.Backup{b}},
		pv: &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: pvc.Spec.VolumeName, CreationTimestamp: metav1.Time{Time: created},
			Annotations: map[string]string{claims.AnnotationProvisionedBy: "driver"}}},
	}
	change(&s)
	return s
}

func fill(s *subject) {
	s.PVC.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: "before"}
}

// given is the mark of the webhook that it chose the snapshot.
func given(s *subject) {
	s.PVC.Annotations[v1alpha1.AnnotationRestoredFrom] = s.PVC.Spec.DataSource.Name
}

func lost(s *subject) { s.gone = true }

func pending(s *subject) {
	s.PVC.Status.Phase, s.PVC.Spec.VolumeName, s.pv = corev1.ClaimPending, "", nil
}

func TestJudge(t *testing.T) {
	tests := map[string]struct {
		change []func(*subject)
		after  time.Duration // since the claim's creation
		want   string
	}{
		"restored":                             {change: []func(*subject){fill}},
		"restored, terminating":                {change: []func(*subject){fill, terminating, stray}},
		"stray volume":                         {change: []func(*subject){fill, stray}, want: v1alpha1.ReasonRestoreNotHonoured},
		"stray, not opted in":                  {change: []func(*subject){fill, stray, func(s *subject) { s.optedIn = false }}},
		"another claim's volume":               {change: []func(*subject){fill, reused}, want: v1alpha1.ReasonRestoreNotHonoured},
		"volume name with a prefix":            {change: []func(*subject){fill, func(s *subject) { s.pv.Name = "eu-" + string(s.PVC.UID) }}},
		"pending":                              {change: []func(*subject){fill, pending}, after: 5 * time.Minute},
		"pending for long":                     {change: []func(*subject){fill, pending}, after: 5*time.Minute + time.Second, want: v1alpha1.ReasonRestoreStuck},
		"snapshot gone":                        {change: []func(*subject){fill, pending, given, lost}, want: v1alpha1.ReasonSnapshotGone},
		"snapshot gone, for long":              {change: []func(*subject){fill, pending, given, lost}, after: time.Hour, want: v1alpha1.ReasonSnapshotGone},
		"snapshot there":                       {change: []func(*subject){fill, pending, given}},
		"snapshot gone, bound":                 {change: []func(*subject){fill, given, lost}},
		"snapshot gone, terminating":           {change: []func(*subject){fill, pending, given, lost, terminating}},
		"snapshot gone, chosen by its creator": {change: []func(*subject){fill, pending, lost}},
		"pending without a source":             {change: []func(*subject){pending}, after: time.Hour},

		"empty":                        {want: v1alpha1.ReasonNotRestored},
		"empty, terminating":           {change: []func(*subject){terminating}},
		"empty, does not fit":          {change: []func(*subject){small}, want: v1alpha1.ReasonNotRestored},
		"empty, as unusable":           {change: []func(*subject){small, annotate(v1alpha1.AnnotationRestoreUnusable, "empty")}},
		"empty, opted out on creation": {change: []func(*subject){func(s *subject) { s.optedOut = true }}},
		"empty, opted out":             {change: []func(*subject){annotate(v1alpha1.AnnotationRestore, "off")}},
		"empty, invalid annotation":    {change: []func(*subject){annotate(v1alpha1.AnnotationRestore, "perhaps")}},
		"empty, promoted":              {change: []func(*subject){annotate(v1alpha1.AnnotationPromote, "true")}},
		"empty, older":                 {after: 24 * time.Hour},
		"empty, a quorum's":            {change: []func(*subject){func(s *subject) { s.Volume.Role = snapshots.RoleController }}},
		"empty, chosen by its creator": {change: []func(*subject){stray}},
		"empty, pinned":                {change: []func(*subject){mark(v1alpha1.AnnotationStartEmptyUntil, created.Add(time.Minute).Format(time.RFC3339))}},
		"empty, after the pin":         {change: []func(*subject){mark(v1alpha1.AnnotationStartEmptyUntil, created.Add(-time.Minute).Format(time.RFC3339))}, want: v1alpha1.ReasonNotRestored},
		"no snapshot":                  {change: []func(*subject){func(s *subject) { s.history = nil }}},
		"uncut snapshot":               {change: []func(*subject){func(s *subject) { s.history[0].Cut = time.Time{} }}},
		"later snapshot":               {change: []func(*subject){func(s *subject) { s.history[0].Scheduled = created }}},
		"own snapshot of a run made up": {change: []func(*subject){func(s *subject) {
			s.history[0].SourcePVCUID = string(s.PVC.UID)
		}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSubject(t, "a", func(s *subject) {
				for _, change := range test.change {
					change(s)
				}
			})
			if reason, text := s.judge(created.Add(test.after)); reason != test.want || (reason == "") != (text == "") {
				t.Errorf("got %q (%s), want %q", reason, text, test.want)
			}
		})
	}
}

func terminating(s *subject) { s.PVC.DeletionTimestamp = &metav1.Time{Time: created} }

func small(s *subject) {
	size := s.PVC.Spec.Resources.Requests[corev1.ResourceStorage]
	size.Add(size)
	s.history[0].Size = &size
}

// stray binds the claim to a volume that somebody has made by hand.
func stray(s *subject) { s.pv.Name, s.pv.Annotations = "by-hand", nil }

// reused binds the claim to a volume that was provisioned for an earlier one.
func reused(s *subject) {
	s.pv.Name, s.pv.CreationTimestamp.Time = "pvc-of-another", created.Add(-time.Hour)
	s.pv.Annotations[claims.AnnotationBoundByController] = "yes"
}

func annotate(key, value string) func(*subject) {
	return func(s *subject) { s.PVC.Annotations[key] = value }
}

func mark(key, value string) func(*subject) {
	return func(s *subject) { s.history[0].Annotations[key] = value }
}

func TestDuplicates(t *testing.T) {
	a, b := newSubject(t, "a", fill), newSubject(t, "b", fill)
	other := newSubject(t, "c", func(s *subject) { fill(s); s.Volume.Slot = "1:/kafka-logs" })
	gone := newSubject(t, "d", func(s *subject) { fill(s); terminating(s) })
	found := findings([]subject{a, b, other, gone}, created)
	if len(found) != 2 || found[0].Reason != string(v1alpha1.ReasonDuplicateVolume) || found[1].Reason != string(v1alpha1.ReasonDuplicateVolume) ||
		found[0].PVC.Name != "a" || found[1].PVC.Name != "b" || !strings.Contains(found[0].Text, "live claim, b:") {
		t.Errorf("one Finding on each of a and b expected, which names the other: %+v", found)
	}
	a.optedIn = false
	if found := findings([]subject{a, b}, created); len(found) != 0 {
		t.Errorf("a claim that was not opted in counts: %+v", found)
	}
}

func TestRestoresHistory(t *testing.T) {
	now := created.Add(time.Minute)
	s := newSubject(t, "a", func(s *subject) {
		fill(s)
		pending(s)
		s.PVC.Annotations[v1alpha1.AnnotationRestoredTime] = created.Add(-time.Hour).Format(time.RFC3339)
	})
	first, news := restores(nil, []subject{s}, now)
	if len(first) != 1 || len(news) != 0 || first[0].BoundTime != nil || !first[0].RequestedTime.Time.Equal(created) ||
		first[0].VolumeSnapshot != "before" || !first[0].ScheduledTime.Time.Equal(created.Add(-time.Hour)) {
		t.Fatalf("a restore that waits expected: %+v", first)
	}
	bound := newSubject(t, "a", fill)
	// It was stuck for hours. It must still be news, once.
	second, news := restores(first, []subject{bound}, now.Add(3*time.Hour))
	if len(second) != 1 || len(news) != 1 || !second[0].BoundTime.Time.Equal(now.Add(3*time.Hour)) {
		t.Fatalf("a bound restore expected, which is news: %+v", second)
	}
	third, news := restores(second, []subject{bound}, now.Add(4*time.Hour))
	if len(third) != 1 || len(news) != 0 || !third[0].BoundTime.Equal(second[0].BoundTime) {
		t.Errorf("the same restore has changed: %+v", third)
	}
	if after, news := restores(nil, []subject{bound}, created.Add(newsFor)); len(after) != 1 || len(news) != 0 {
		t.Errorf("an old restore in the history, and no news, expected: %+v, %d news", after, len(news))
	}
	notHonoured := newSubject(t, "a", func(s *subject) { fill(s); stray(s) })
	if after, news := restores(nil, []subject{notHonoured}, now); after[0].BoundTime != nil || len(news) != 0 {
		t.Errorf("a claim on a stray volume counts as restored: %+v", after)
	}
}

func TestRestoresAreBounded(t *testing.T) {
	var all []subject
	for i := range MaxRestores + 3 {
		all = append(all, newSubject(t, fmt.Sprintf("claim-%02d", i), func(s *subject) {
			fill(s)
			s.PVC.CreationTimestamp.Time = created.Add(time.Duration(i) * time.Second)
		}))
	}
	after, news := restores(nil, all, created)
	if len(after) != MaxRestores || len(news) != len(all) || after[0].PersistentVolumeClaim != "claim-12" || after[9].PersistentVolumeClaim != "claim-03" {
		t.Errorf("the newest %d first expected, and %d news: %+v, %d", MaxRestores, len(all), after, len(news))
	}
	again, _ := restores(after, all, created.Add(time.Minute))
	if fmt.Sprint(again) != fmt.Sprint(after) {
		t.Errorf("the history is not at rest: %+v, then %+v", after, again)
	}
	gone, _ := restores(after, nil, created.Add(time.Minute))
	if len(gone) != MaxRestores {
		t.Errorf("restores are forgotten with their claims: %+v", gone)
	}
}

func TestNewestNote(t *testing.T) {
	at := func(d time.Duration) metav1.Time { return metav1.Time{Time: created.Add(d)} }
	made := eventsv1.Event{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(2)}, Note: "made last"}
	repeated := eventsv1.Event{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(1)}, DeprecatedLastTimestamp: at(3), Note: "repeated since"}
	series := eventsv1.Event{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(0)}, Note: "a series",
		Series: &eventsv1.EventSeries{LastObservedTime: metav1.MicroTime{Time: at(4).Time}}}
	for want, list := range map[string][]eventsv1.Event{
		"": nil, "made last": {made}, "repeated since": {repeated, made}, "a series": {series, repeated, made},
	} {
		if got := newestNote(list); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestVerifiedCondition(t *testing.T) {
	s := newSubject(t, "a", fill)
	var found []Finding
	for range texts.MaxNamed + 2 {
		found = append(found, Finding{s.PVC, v1alpha1.ReasonRestoreStuck, "text", s.Volume})
	}
	if c := verified(found, 7); c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonRestoreStuck || c.ObservedGeneration != 7 ||
		strings.Count(c.Message, "claim a: text") != texts.MaxNamed || !strings.HasSuffix(c.Message, "and 2 more") {
		t.Errorf("condition: %+v", c)
	}
	if c := verified(nil, 7); c.Status != metav1.ConditionTrue || c.Reason != v1alpha1.ReasonVerified {
		t.Errorf("condition: %+v", c)
	}
}

func TestMemory(t *testing.T) {
	a, b := newSubject(t, "a", fill).PVC, newSubject(t, "b", fill).PVC
	var m Memory
	if !m.note(a, "x") || m.note(a, "x") || !m.note(a, "y") || !m.note(b, "x") || m.noted(b, "y") {
		t.Error("a note is new once for each claim and reason")
	}
	m.keep(a.Namespace, nil, m.NoteCount()-1) // the note about b is newer than the list of claims
	if m.noted(a, "x") || !m.noted(b, "x") {
		t.Errorf("only what was noted of b expected: %v", m.notes)
	}
	m.note(a, "x")
	m.keep(a.Namespace, []corev1.PersistentVolumeClaim{*b}, m.NoteCount())
	m.keep("elsewhere", nil, m.NoteCount())
	if len(m.notes) != 1 || len(m.where) != 1 || !m.noted(b, "x") {
		t.Errorf("only what was noted of b expected: %v", m.notes)
	}
}

// TestNewestSnapshotIsVerifiedBy has a restored claim without the annotations that
// the webhook has written, whose opt-in only the volume's snapshot has kept.
func TestNewestSnapshotIsVerifiedBy(t *testing.T) {
	broker := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker")
	silent := snapshotstest.NewBackup("hourly", "kafka", "class")
	b, err := snapshots.NewBackup(silent.Obj())
	if err != nil {
		t.Fatal(err)
	}
	for restore, want := range map[string]bool{v1alpha1.ValueLatest: true, v1alpha1.ValueOff: false, "yes": true} {
		vs := snapshotstest.NewSnapshot(broker, silent, "driver", created.Add(-time.Hour)).Ready().Annotate(v1alpha1.AnnotationRestore, restore).Obj()
		source, err := snapshots.NewSnapshot(vs)
		if err != nil {
			t.Fatal(err)
		}
		cluster := snapshots.Cluster{Backups: []snapshots.Backup{b}, Snapshots: map[string][]snapshots.Snapshot{source.Volume: {source}}}
		seen := Seen{Backup: b, Claims: claims.OfCluster([]corev1.PersistentVolumeClaim{*broker.From(source.Name).Obj()}, b),
			Cluster: cluster, Policies: claims.NewPolicies(cluster)}
		v := &Verifier{Memory: &Memory{}}
		all, err := v.subjects(t.Context(), seen, created)
		if err != nil || len(all) != 1 || all[0].optedIn != want {
			t.Errorf("restore=%s on the newest snapshot: %+v, %v, want it opted in: %t", restore, all, err, want)
		}
	}
}
