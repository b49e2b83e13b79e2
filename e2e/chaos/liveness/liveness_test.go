package liveness

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// disk is the volume that states are about.
const disk = "strimzi/data-0-kafka-broker-0"

// well is a state in which all is well, a minute after the last fault.
func well() State {
	s := State{Now: noon, Quiet: noon.Add(-time.Minute), Claims: map[string][]corev1.PersistentVolumeClaim{}, Answers: map[string]record.Admission{},
		Programs: []string{"webhook-0"}, Children: []string{"1 webhook"}}
	v, _ := plan.Standard().Volume(disk)
	s.Layout.Clusters = []plan.Cluster{{Namespace: v.Namespace, Volumes: []plan.Volume{v}}}
	claim := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: v.Namespace, Name: v.Claim, CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour)),
		Annotations: map[string]string{v1alpha1.AnnotationRestoredBy: "restore-next"}}}
	claim.Spec.DataSource = &corev1.TypedLocalObjectReference{Name: "a"}
	claim.Status.Phase = corev1.ClaimBound
	s.Claims[disk] = append(s.Claims[disk], claim)
	s.Snapshots = []snapshotv1.VolumeSnapshot{{ObjectMeta: metav1.ObjectMeta{Namespace: v.Namespace, Name: "a", Annotations: map[string]string{}}}}
	s.Backups = []v1alpha1.KafkaBackup{{Status: v1alpha1.KafkaBackupStatus{LastSuccessfulTime: ptr.To(metav1.NewTime(noon.Add(-5 * time.Second))),
		NextScheduleTime: ptr.To(metav1.NewTime(noon.Add(5 * time.Second)))}}}
	s.Before = map[string]world.Process{"webhook-0": {Goroutines: 100, Memory: 100 << 20}, "scheduler-0": {Goroutines: 300, Memory: 100 << 20}, "scheduler-1": {Goroutines: 50, Memory: 50 << 20}}
	s.Processes = map[string]world.Process{"webhook-0": {Goroutines: 120, Memory: 150 << 20}, "scheduler-0": {Goroutines: 50, Memory: 100 << 20}, "scheduler-1": {Goroutines: 310, Memory: 120 << 20}}
	return s
}

// TestChecks has each check say what is not well.
func TestChecks(t *testing.T) {
	mark := func(s *State, key, value string) { s.Snapshots[0].Annotations[key] = value }
	pin := func(s *State, at time.Time) {
		mark(s, v1alpha1.AnnotationRestoreNext, "true")
		s.Snapshots[0].ManagedFields = []metav1.ManagedFieldsEntry{{Time: ptr.To(metav1.NewTime(at)),
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:snapback.dev/restore-next":{}}}}`)}}
	}
	for what, test := range map[string]struct {
		change func(*State)
		want   string // empty: all is well
	}{
		"all is well":      {func(*State) {}, ""},
		"a Pending claim":  {func(s *State) { s.Claims[disk][0].Status.Phase = corev1.ClaimPending }, "claims: claim " + disk + " is Pending"},
		"no claim":         {func(s *State) { delete(s.Claims, disk) }, "claims: volume " + disk + " has no claim"},
		"a refused claim":  {func(s *State) { delete(s.Claims, disk); s.Answers[disk] = record.Admission{Message: "no", Began: noon} }, ""},
		"refused long ago": {func(s *State) { delete(s.Claims, disk); s.Answers[disk] = record.Admission{Message: "no"} }, "none was refused lately"},
		"no success":       {func(s *State) { s.Backups[0].Status.LastSuccessfulTime = nil }, "runs: KafkaBackup / has had no success since"},
		"a late run": {func(s *State) {
			s.Backups[0].Status.NextScheduleTime = ptr.To(metav1.NewTime(noon.Add(-2 * time.Minute)))
		}, "has made no run since one was due"},
		"suspended":     {func(s *State) { s.Backups[0] = v1alpha1.KafkaBackup{Spec: v1alpha1.KafkaBackupSpec{Suspend: true}} }, ""},
		"an old mark":   {func(s *State) { mark(s, v1alpha1.AnnotationPruning, noon.Add(-time.Hour).Format(time.RFC3339)) }, "leaks: VolumeSnapshot strimzi/a has been marked"},
		"a new mark":    {func(s *State) { mark(s, v1alpha1.AnnotationPruning, noon.Format(time.RFC3339)) }, ""},
		"a restore":     {func(s *State) { mark(s, v1alpha1.AnnotationRestoring, "x") }, "leaks: VolumeSnapshot strimzi/a is still part of the restore"},
		"goes since":    {func(s *State) { s.Snapshots[0].DeletionTimestamp = ptr.To(metav1.NewTime(noon)) }, ""},
		"does not go":   {func(s *State) { s.Snapshots[0].DeletionTimestamp = ptr.To(metav1.NewTime(noon.Add(-time.Hour))) }, "is being deleted since"},
		"an old pin":    {func(s *State) { pin(s, noon.Add(-2*time.Hour)) }, "pins: VolumeSnapshot strimzi/a is still pinned, and claim"},
		"a new pin":     {func(s *State) { pin(s, noon) }, ""},
		"goroutines":    {func(s *State) { s.Processes["webhook-0"] = world.Process{Goroutines: 201} }, "processes: webhook-0 has 201 goroutines, 100 were"},
		"memory":        {func(s *State) { s.Processes["scheduler-1"] = world.Process{Memory: 300 << 20} }, "scheduler-1 has 300 MiB, 100 were"},
		"one too many":  {func(s *State) { s.Children = append(s.Children, "2 webhook") }, "processes: 2 processes run"},
		"no comparison": {func(s *State) { s.Before = nil }, ""},
	} {
		t.Run(what, func(t *testing.T) {
			s := well()
			test.change(&s)
			var said []string
			for _, c := range All() {
				for _, wrong := range c.Run(s) {
					said = append(said, c.Name+": "+wrong)
				}
			}
			if len(said) == 0 != (test.want == "") || len(said) > 0 && !strings.Contains(said[0], test.want) {
				t.Errorf("%q, want %q", said, test.want)
			}
		})
	}
}

// TestInSync says what is not well of Apache Kafka.
func TestInSync(t *testing.T) {
	for what, test := range map[string]struct {
		change func(*State)
		want   string // empty: all is well
	}{
		"all is well":        {func(*State) {}, ""},
		"it was before":      {func(s *State) { s.Kafka.InSync = noon.Add(-lately - time.Second) }, "in-sync: Apache Kafka is not in sync: broker 2 is away"},
		"faults just ended":  {func(s *State) { s.Quiet = noon }, "is not in sync"},
		"no record":          {func(s *State) { s.Kafka.Acked = time.Time{} }, "has acknowledged no record since"},
		"a claim is refused": {func(s *State) { delete(s.Claims, "apache/data-0-kafka-broker-1"); s.Kafka = world.KafkaState{} }, ""},
		"it is left out":     {func(s *State) { s.Layout = plan.Layout{}; s.Kafka = world.KafkaState{} }, ""},
	} {
		t.Run(what, func(t *testing.T) {
			s := State{Now: noon, Quiet: noon.Add(-time.Minute), Layout: plan.Standard(), Claims: map[string][]corev1.PersistentVolumeClaim{}}
			c, _ := s.Layout.Apache()
			for _, v := range c.Volumes {
				s.Claims[v.Key] = []corev1.PersistentVolumeClaim{{Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound}}}
			}
			s.Kafka = world.KafkaState{InSync: noon.Add(-time.Second), Acked: noon.Add(-time.Second), Err: errors.New("broker 2 is away")}
			test.change(&s)
			var said []string
			for _, check := range All() {
				if check.Name == "in-sync" {
					for _, what := range check.Run(s) {
						said = append(said, check.Name+": "+what)
					}
				}
			}
			if got := strings.Join(said, "; "); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
