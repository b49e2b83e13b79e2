package snapshots_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// TestQuotable checks how texts quote values: in full up to 64 bytes, and never cut
// within a character.
func TestQuotable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ value, want string }{
		"short":                {"latest", "latest"},
		"as long as can be":    {strings.Repeat("x", 64), strings.Repeat("x", 64)},
		"a byte longer":        {strings.Repeat("x", 65), strings.Repeat("x", 61) + "…"},
		"cut at a character":   {strings.Repeat("é", 40), strings.Repeat("é", 30) + "…"},
		"cut in a character":   {"x" + strings.Repeat("é", 40), "x" + strings.Repeat("é", 30) + "…"},
		"no characters at all": {strings.Repeat("\x80", 65), "…"},
	} {
		got := snapshots.Quotable(test.value)
		if got != test.want || len(got) > 64 || !utf8.ValidString(got) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestFirstOf checks that a text names the first of many things and counts the
// others, and that it leaves out none if all fit.
func TestFirstOf(t *testing.T) {
	t.Parallel()
	all := []string{"a", "b", "c", "d"}
	for most, want := range map[int]string{1: "a; and 3 more", 3: "a; b; c; and 1 more", 4: "a; b; c; d", 9: "a; b; c; d"} {
		if got := snapshots.FirstOf(all, most, "; "); got != want {
			t.Errorf("the first %d: %q, want %q", most, got, want)
		}
	}
}

// TestIdentifying checks the annotations that a cache keeps of a claim. Without the
// mount path a Koperator claim has no volume. Without the promotion its data would
// not count as good.
func TestIdentifying(t *testing.T) {
	t.Parallel()
	claim := brokerClaim().Annotate(v1alpha1.AnnotationPromote, "true").Annotate("kubectl.kubernetes.io/last-applied-configuration", strings.Repeat("x", 9000))
	cached := claim.Obj()
	cached.Annotations = snapshots.Identifying(cached.Annotations)
	v, ok := snapshots.Identify(cached.Namespace, cached, nil)
	if !ok || v.Hash() != identify(t, claim).Hash() || !snapshots.NewPeer(v, cached).Promoted || len(cached.Annotations) != 2 {
		t.Errorf("out of a cache it is %s, %t: %v", v, ok, cached.Annotations)
	}
	if kept := snapshots.Identifying(map[string]string{"else": "x"}); kept != nil {
		t.Errorf("kept %v of nothing", kept)
	}
}

// TestStatusAtTheBound checks statuses of the greatest length and of one byte more.
func TestStatusAtTheBound(t *testing.T) {
	t.Parallel()
	for bytes, read := range map[int]bool{64 << 10: true, 64<<10 + 1: false} {
		cm := configMapWith(goodSpec)
		const status = "missedRuns: 3\n#"
		cm.Annotations = map[string]string{v1alpha1.AnnotationStatus: status + strings.Repeat("x", bytes-len(status))}
		for where, cm := range map[string]*corev1.ConfigMap{"as it is": cm, "out of a cache": snapshots.SlimConfigMap(cm)} {
			if kb, err := snapshots.KafkaBackupOfConfigMap(cm); err != nil || (kb.Status.MissedRuns == 3) != read {
				t.Errorf("%d bytes, %s: %d missed runs, %v", bytes, where, kb.Status.MissedRuns, err)
			}
		}
	}
}

// TestLongSnapshotIsKnown checks a snapshot with annotations that are too long to be
// read. Its volume is still known, so that it does not count as new.
func TestLongSnapshotIsKnown(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("n", 253)
	s, err := snapshots.NewSnapshot(snapshotOf(ago(hour)).Ready().Annotate(v1alpha1.AnnotationBackupName, name).
		Annotate(v1alpha1.AnnotationRole, "x"+name).Annotate(v1alpha1.AnnotationRestore, strings.Repeat("x", 4096)).Obj())
	if err == nil || s.Unreadable == "" {
		t.Fatalf("it is read: %+v", s)
	}
	if s.Volume != identify(t, brokerClaim()).Hash() || s.SourcePVC != brokerClaim().Obj().GenerateName+"xxxxx" || s.Annotations[v1alpha1.AnnotationClusterName] != "kafka" || s.Annotations[v1alpha1.AnnotationBackupName] != name {
		t.Errorf("whose it is is lost: %+v", s)
	}
	if s.Role != "" || s.Annotations[v1alpha1.AnnotationRestore] != "" {
		t.Errorf("what is too long is kept: %q, %d bytes", s.Role, len(s.Annotations[v1alpha1.AnnotationRestore]))
	}
	if d := (decision{claim: optedIn()}).ask(t, []snapshots.Snapshot{s.Lean()}, now); d.Reason != v1alpha1.ReasonUnreadable {
		t.Errorf("%s %s", d.Outcome, d.Reason)
	}
}
