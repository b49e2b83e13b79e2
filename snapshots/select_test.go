package snapshots_test

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const hour = time.Hour

// decision is a row of the decision table: a claim, its surroundings and the answer.
type decision struct {
	name     string
	claim    *snapshotstest.Claim // nil: brokerClaim
	driver   string               // of the claim's StorageClass; empty: driver
	from     sources
	all      []*snapshotstest.Snapshot
	outcome  v1alpha1.Outcome
	reason   v1alpha1.Reason
	snapshot *snapshotstest.Snapshot // that it gets
	says     []string                // parts of the message
}

func (d decision) ask(t testing.TB, all []snapshots.Snapshot, at time.Time) snapshots.Decision {
	t.Helper()
	claim, provisioner := d.claim, d.driver
	if claim == nil {
		claim = brokerClaim()
	}
	if provisioner == "" {
		provisioner = driver
	}
	from := d.from
	from.PVC = claim.Obj().Annotations
	return from.decide(asked(t, claim, provisioner), snapshots.Around{}, all, at)
}

func optedIn() *snapshotstest.Claim {
	return brokerClaim().Annotate(v1alpha1.AnnotationRestore, latest)
}

// member returns the opted-in claim of a combined node.
func member() *snapshotstest.Claim { return optedIn().Label("pvcRoles", "broker_controller") }

func unlessUsable(value string) *snapshotstest.Claim {
	return optedIn().Annotate(v1alpha1.AnnotationRestoreUnusable, value)
}

func list(all ...*snapshotstest.Snapshot) []*snapshotstest.Snapshot { return all }

func onNamespace(annotation, value string) sources {
	return sources{Namespace: map[string]string{annotation: value}}
}

func onBackup(annotation, value string) sources {
	return sources{Backups: []snapshots.Backup{{Annotations: map[string]string{annotation: value}}}}
}

var (
	newest   = snapshotOf(ago(1 * hour)).Ready()
	older    = snapshotOf(ago(2 * hour)).Ready()
	oldest   = snapshotOf(ago(3 * hour)).Ready()
	uncut    = snapshotOf(now)
	cut      = snapshotOf(ago(hour / 2)).Cut(now)
	going    = snapshotOf(ago(hour / 3)).Ready().Terminating(now)
	big      = snapshotOf(ago(hour / 4)).Ready().Size("2Gi")
	consent  = snapshotOf(ago(hour/5)).Ready().Annotate(v1alpha1.AnnotationRestore, latest)
	unsized  = snapshotOf(ago(hour / 6)).Ready().Size("0")
	rawBlock = snapshotstest.NewSnapshot(brokerClaim().Block(), hourly(), driver, ago(hour/7)).Ready()
	foreign  = snapshotstest.NewSnapshot(brokerClaim(), hourly(), "ebs.csi.aws.com", ago(hour/8)).Ready()
)

var allowed = []decision{
	{name: "nobody opted in", all: list(newest), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonNotOptedIn},
	{name: "nobody opted in, no snapshot", outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonNotOptedIn},
	{name: "opted out", claim: brokerClaim().Annotate(v1alpha1.AnnotationRestore, "off"), from: onNamespace(v1alpha1.AnnotationRestore, latest), all: list(consent), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonOptedOut},
	{name: "opted out on the KafkaBackup", from: onBackup(v1alpha1.AnnotationRestore, "off"), all: list(consent), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonOptedOut},
	{name: "no snapshot", claim: optedIn(), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonNoSnapshot, says: []string{"kafka/kafka/0:/kafka-logs", "starts empty"}},
	{name: "only one that is not cut", claim: optedIn(), all: list(uncut), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonNoSnapshot},
	{name: "only one that is being deleted", claim: optedIn(), all: list(going), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonNoSnapshot},
	{name: "quorum volume without a snapshot", claim: member(), all: list(uncut), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonNoSnapshot},
	{name: "quorum volume, not opted in", claim: brokerClaim().Label("pvcRoles", "controller"), all: list(newest), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonNotOptedIn},
	{name: "quorum volume that may start empty", claim: member(), from: onBackup(v1alpha1.AnnotationRestoreQuorum, "empty"), all: list(newest), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonQuorumVolume, says: []string{"the volume of a combined node and starts empty", v1alpha1.AnnotationRestoreQuorum}},
	{name: "too small, to start empty", claim: unlessUsable("empty"), all: list(big), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonTooSmall, says: []string{"EMPTY", "2Gi", v1alpha1.AnnotationRestoreUnusable}},
	{name: "another driver, to start empty", claim: unlessUsable("empty"), all: list(foreign), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonDriverMismatch, says: []string{"EMPTY"}},
	{name: "another volume mode, to start empty", claim: unlessUsable("empty"), all: list(rawBlock), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonVolumeModeMismatch, says: []string{"EMPTY"}},
}

var restored = []decision{
	{name: "the newest", claim: optedIn(), all: list(older, newest, oldest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest, says: []string{"2026-03-01T11:00:00Z"}},
	{name: "opted in on the KafkaBackup", from: onBackup(v1alpha1.AnnotationRestore, latest), all: list(newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "opted in on the namespace", from: onNamespace(v1alpha1.AnnotationRestore, latest), all: list(newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "opted in when the snapshot was taken", all: list(consent, older), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: consent},
	{name: "not ready", claim: optedIn(), all: list(cut), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonWaitingForSnapshot, snapshot: cut, says: []string{"stays Pending"}},
	{name: "older and ready before newer and not", claim: optedIn(), all: list(oldest, cut, older), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: older},
	{name: "uncut and terminating passed over", claim: optedIn(), all: list(uncut, going, newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "as large as asked for", claim: optedIn().Request("2Gi"), all: list(big), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: big},
	{name: "smaller than asked for", claim: optedIn().Request("20Gi"), all: list(big), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: big},
	{name: "of the stamped size", claim: optedIn(), all: list(unsized), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: unsized},
	{name: "block device", claim: optedIn().Block(), all: list(rawBlock), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: rawBlock},
	{name: "quorum volume with consent", claim: member(), from: onNamespace(v1alpha1.AnnotationRestoreQuorum, "true"), all: list(newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
}

var denied = []decision{
	{name: "combined node", claim: member(), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonQuorumUndecided, says: []string{"the volume of a combined node,", "cluster kafka", v1alpha1.AnnotationRestoreQuorum + "=true", v1alpha1.AnnotationRestoreQuorum + "=empty"}},
	{name: "controller", claim: optedIn().Label("pvcRoles", "controller"), all: list(cut), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonQuorumUndecided, says: []string{"the volume of a KRaft controller,"}},
	{name: "too small", claim: optedIn(), all: list(big), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonTooSmall, says: []string{"2Gi", "1Gi", v1alpha1.AnnotationRestoreUnusable + "=empty"}},
	{name: "too small, said out loud", claim: unlessUsable("deny"), all: list(big), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonTooSmall},
	{name: "too small for the stamped size", claim: optedIn().Request("512Mi"), all: list(unsized), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonTooSmall, says: []string{"1Gi", "512Mi"}},
	{name: "too small, not ready", claim: optedIn().Request("512Mi"), all: list(cut), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonTooSmall},
	{name: "too small, an older one would fit", claim: optedIn(), all: list(newest, big), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonTooSmall},
	{name: "another driver", claim: optedIn(), all: list(foreign), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonDriverMismatch, says: []string{"ebs.csi.aws.com", driver}},
	{name: "another driver of the class", claim: optedIn(), driver: "other.csi.example.com", all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonDriverMismatch, says: []string{"other.csi.example.com"}},
	{name: "block asked for", claim: optedIn().Block(), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonVolumeModeMismatch, says: []string{"Filesystem", "Block"}},
	{name: "file system asked for", claim: optedIn(), all: list(rawBlock), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonVolumeModeMismatch},
	{name: "invalid on the claim", claim: brokerClaim().Annotate(v1alpha1.AnnotationRestore, "yes"), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation, says: []string{v1alpha1.AnnotationRestore, `"yes"`, "latest", "off"}},
	{name: "invalid on the namespace, opted out", claim: brokerClaim().Annotate(v1alpha1.AnnotationRestore, "off"), from: onNamespace(v1alpha1.AnnotationRestoreUnusable, "allow"), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation},
	{name: "invalid, no snapshot", from: onBackup(v1alpha1.AnnotationRestoreQuorum, "false"), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation},
	{name: "invalid on the newest snapshot", claim: optedIn(), all: list(snapshotOf(now).Ready().Annotate(v1alpha1.AnnotationRestore, "x"), older), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation},
}

func TestDecide(t *testing.T) {
	for _, table := range [][]decision{allowed, restored, denied} {
		for _, test := range table {
			t.Run(test.name, func(t *testing.T) { test.check(t) })
		}
	}
}

func (test decision) check(t *testing.T) {
	t.Helper()
	got := test.ask(t, readAll(t, test.all...), now)
	if got.Outcome != test.outcome || got.Reason != test.reason {
		t.Fatalf("got %s %s, want %s %s: %s", got.Outcome, got.Reason, test.outcome, test.reason, got.Message)
	}
	want := ""
	if test.snapshot != nil {
		want = test.snapshot.Obj().Name
		test.says = append(test.says, want)
	}
	if got.SnapshotName() != want {
		t.Errorf("snapshot %q, want %q", got.SnapshotName(), want)
	}
	for _, part := range test.says {
		if !strings.Contains(got.Message, part) {
			t.Errorf("the message does not say %q: %s", part, got.Message)
		}
	}
	if len(got.Warnings) > 0 {
		t.Errorf("warnings %q", got.Warnings)
	}
}

func TestDecideZooKeeper(t *testing.T) {
	claim := snapshotstest.StrimziClaim("kafka", "", 0, 0).Named("data-kafka-zookeeper-0").
		Label("strimzi.io/component-type", "zookeeper").Annotate(v1alpha1.AnnotationRestore, latest)
	all := list(snapshotstest.NewSnapshot(claim, hourly(), driver, ago(hour)).Ready())
	got := decision{claim: claim}.ask(t, readAll(t, all...), now)
	if got.Outcome != v1alpha1.OutcomeDeny || got.Reason != v1alpha1.ReasonQuorumUndecided || !strings.Contains(got.Message, "zookeeper") {
		t.Errorf("got %+v", got)
	}
}

// An unknown field of a snapshot or a claim is no reason to refuse the claim.
func TestDecideUnknown(t *testing.T) {
	for name, change := range map[string]func(*snapshots.Snapshot, *snapshots.Claim){
		"driver of the snapshot": func(s *snapshots.Snapshot, _ *snapshots.Claim) { s.Driver = "" },
		"driver of the claim":    func(s *snapshots.Snapshot, c *snapshots.Claim) { s.Driver, c.Driver = "x", "" },
		"volume mode":            func(s *snapshots.Snapshot, c *snapshots.Claim) { s.VolumeMode, c.VolumeMode = "", "Block" },
		"size":                   func(s *snapshots.Snapshot, c *snapshots.Claim) { s.Size, c.Request = nil, resource.Quantity{} },
	} {
		s, claim := read(t, newest), asked(t, optedIn(), driver)
		change(&s, &claim)
		got := sources{PVC: optIn()}.decide(claim, snapshots.Around{}, []snapshots.Snapshot{s}, now)
		if got.Reason != v1alpha1.ReasonRestored {
			t.Errorf("%s: got %s %s: %s", name, got.Outcome, got.Reason, got.Message)
		}
	}
}
