package snapshots_test

import (
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestOrderOfBackups lists the same KafkaBackups in another order, as caches
// do: the volume and the refusal must stay the same.
func TestOrderOfBackups(t *testing.T) {
	a, b := selecting(t, "events", "gold"), selecting(t, "logs", "gold")
	a.Name, b.Name = "a", "b"
	pvc := snapshotstest.PlainClaim("disk").Label("tier", "gold").Obj()
	forth, _ := snapshots.Identify("kafka", pvc, []snapshots.Backup{a, b})
	back, _ := snapshots.Identify("kafka", pvc, []snapshots.Backup{b, a})
	if forth.Hash() != back.Hash() {
		t.Errorf("the claim is %s, or %s", forth, back)
	}
	a.Annotations = map[string]string{v1alpha1.AnnotationRestore: "yes"}
	b.Annotations = map[string]string{v1alpha1.AnnotationRestore: "no"}
	_, first := sources{Backups: []snapshots.Backup{a, b}}.policy()
	_, second := sources{Backups: []snapshots.Backup{b, a}}.policy()
	if first.Error() != second.Error() {
		t.Errorf("the refusal is %q, or %q", first, second)
	}
}

// TestSameNameOtherOperator checks a claim of a chart and a claim of Strimzi that has
// the same name after a migration.
func TestSameNameOtherOperator(t *testing.T) {
	ours := identify(t, snapshotstest.StrimziClaim("kafka", "broker", 0, 0).Named("data-kafka-broker-0"))
	theirs := identify(t, recommendedClaim("data-kafka-broker-0").Label("app.kubernetes.io/instance", "kafka").Label("app.kubernetes.io/component", "broker"))
	if ours.Hash() == theirs.Hash() {
		t.Errorf("%s of %s and %s of %s are one volume", ours, ours.Dialect, theirs, theirs.Dialect)
	}
}
