package scheduler_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func has(condition, claim string) func(v1alpha1.KafkaBackupStatus) bool {
	return func(s v1alpha1.KafkaBackupStatus) bool {
		c := meta.FindStatusCondition(s.Conditions, condition)
		return (c != nil) == (claim != "") && (c == nil || strings.HasSuffix(c.Message, ": "+claim))
	}
}

// TestNotIntercepted has a namespace that the webhook configuration excludes, and
// then includes it.
func TestNotIntercepted(t *testing.T) {
	f := newFixture(t)
	broker := f.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	f.start()
	kb := f.backup(hourly())
	f.until(kb, "the condition", has("NotIntercepted", broker.Name))
	notOptedIn := f.backup(snapshotstest.NewBackup("plain", "other", "dir-snapshots"))
	ns := &corev1.Namespace{}
	if err := f.client.Get(t.Context(), client.ObjectKey{Name: f.namespace}, ns); err != nil {
		t.Fatal(err)
	}
	delete(ns.Labels, v1alpha1.LabelIntercept)
	if err := f.client.Update(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	f.lookAgain(kb)
	f.until(kb, "no condition", has("NotIntercepted", ""))
	f.until(notOptedIn, "no condition", has("NotIntercepted", ""))
}

// TestQuorumUndecided has a combined node without the annotation restore-quorum.
func TestQuorumUndecided(t *testing.T) {
	f := newFixture(t)
	f.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Label("pvcRoles", "broker"))
	combined := f.claim(snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs").Label("pvcRoles", "broker_controller"))
	f.start()
	undecided := f.backup(hourly())
	f.until(undecided, "the condition", has("QuorumUndecided", combined.Name))
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"`+v1alpha1.AnnotationRestoreQuorum+`":"true"}}}`))
	if err := f.client.Patch(t.Context(), undecided, patch); err != nil {
		t.Fatal(err)
	}
	f.until(undecided, "no condition", has("QuorumUndecided", ""))
}
