package webhook_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// plain returns a claim that only a volumeSelector knows.
func plain() *snapshotstest.Claim { return snapshotstest.PlainClaim("disk-0").In(namespace) }

func selecting(name, cluster string) *snapshotstest.Backup {
	return snapshotstest.NewBackup(name, cluster, "csi-snapshots").In(namespace).
		Spec(func(spec *v1alpha1.KafkaBackupSpec) { spec.VolumeSelector = &metav1.LabelSelector{} })
}

func takenOf(claim *snapshotstest.Claim, backup *snapshotstest.Backup, age time.Duration) *snapshotstest.Snapshot {
	return snapshotstest.NewSnapshot(claim, backup, driver, now.Add(-age)).Ready()
}

// TestKnownByItsSnapshots checks claims whose KafkaBackup or labels have changed: the
// snapshots of their name still identify their volumes.
func TestKnownByItsSnapshots(t *testing.T) {
	t.Parallel()
	release := func(instance string) *snapshotstest.Claim {
		return snapshotstest.PlainClaim("data-kafka-0").In(namespace).Label("app.kubernetes.io/name", "kafka").Label("app.kubernetes.io/instance", instance)
	}
	optedIn := func(b *snapshotstest.Backup) *snapshotstest.Backup { return b.Annotate(restore, "latest") }
	selected := takenOf(plain(), optedIn(selecting("hourly", "selected")), time.Hour)
	ofFirst := takenOf(release("first"), optedIn(snapshotstest.NewBackup("hourly", "first", "csi-snapshots").In(namespace)), 2*time.Hour)
	ofSecond := takenOf(release("second"), optedIn(snapshotstest.NewBackup("hourly", "second", "csi-snapshots").In(namespace)), time.Hour)
	silent := takenOf(plain(), selecting("hourly", "selected"), time.Hour)
	for _, test := range []struct {
		name    string
		claim   *snapshotstest.Claim
		backups []*snapshotstest.Backup
		known   []*snapshotstest.Snapshot
		unseen  []*snapshotstest.Snapshot // by the cache
		want    string
		get     *snapshotstest.Snapshot
	}{
		{name: "its KafkaBackup is there", claim: plain(), backups: []*snapshotstest.Backup{optedIn(selecting("hourly", "selected"))}, known: []*snapshotstest.Snapshot{selected}, want: "restore Restored", get: selected},
		{name: "its KafkaBackup is deleted", claim: plain(), known: []*snapshotstest.Snapshot{selected}, want: "restore Restored", get: selected},
		{name: "it is deleted, and nobody had opted in", claim: plain(), known: []*snapshotstest.Snapshot{silent}, want: "allow NotBrokerVolume"},
		{name: "it is deleted, and the claim is opted out", claim: plain().Annotate(restore, "off"), known: []*snapshotstest.Snapshot{selected}, want: "allow NotBrokerVolume"},
		{name: "another claim's", claim: snapshotstest.PlainClaim("disk-1").In(namespace), known: []*snapshotstest.Snapshot{selected}, want: "allow NotBrokerVolume"},
		{name: "another selects it, and sorts first", claim: plain(), backups: []*snapshotstest.Backup{selecting("aaa", "another"), optedIn(selecting("hourly", "selected"))}, known: []*snapshotstest.Snapshot{selected}, want: "restore Restored", get: selected},
		{name: "another that opts out", claim: plain(), backups: []*snapshotstest.Backup{selecting("aaa", "another").Annotate(restore, "off"), optedIn(selecting("hourly", "selected"))}, known: []*snapshotstest.Snapshot{selected}, want: "allow OptedOut"},
		{name: "relabelled", claim: release("second"), known: []*snapshotstest.Snapshot{ofFirst}, want: "restore Restored", get: ofFirst},
		{name: "relabelled, and the cache is behind", claim: release("second"), backups: []*snapshotstest.Backup{optedIn(snapshotstest.NewBackup("hourly", "second", "csi-snapshots").In(namespace))}, unseen: []*snapshotstest.Snapshot{ofFirst}, want: "restore Restored", get: ofFirst},
		{name: "relabelled long ago", claim: release("second"), known: []*snapshotstest.Snapshot{ofFirst, ofSecond}, want: "restore Restored", get: ofSecond},
		{name: "relabelled twice", claim: release("third"), known: []*snapshotstest.Snapshot{ofFirst, ofSecond}, want: "deny AmbiguousVolume"},
		{name: "relabelled twice, without labels", claim: snapshotstest.PlainClaim("data-kafka-0").In(namespace), known: []*snapshotstest.Snapshot{ofFirst, ofSecond}, want: "deny AmbiguousVolume"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := site{cached: withoutBackups()}
			for _, b := range test.backups {
				s.cached, s.live = append(s.cached, b.Obj()), append(s.live, b.Obj())
			}
			s.live = append(s.live, withoutBackups()...)
			for _, known := range test.known {
				s.cached, s.live = append(s.cached, known.Obj()), append(s.live, known.Obj())
			}
			for _, unseen := range test.unseen {
				s.live = append(s.live, unseen.Obj())
			}
			answer := s.ask(t, reviewOf(t, strimziReview, func(pvc *corev1.PersistentVolumeClaim) {
				asked := test.claim.Obj()
				pvc.Name, pvc.Labels, pvc.Annotations = asked.Name, asked.Labels, asked.Annotations
			}))
			if answer.AuditAnnotations["decision"] != test.want {
				t.Errorf("%v: %s, want %s", answer.AuditAnnotations, answer.Result.Message, test.want)
			}
			if test.get != nil && answer.AuditAnnotations["snapshot"] != test.get.Obj().Name {
				t.Errorf("it gets %q, want %s", answer.AuditAnnotations["snapshot"], test.get.Obj().Name)
			}
		})
	}
}

// TestOtherRestoreIsLeftAlone checks a claim that Velero creates and fills.
func TestOtherRestoreIsLeftAlone(t *testing.T) {
	t.Parallel()
	labelled := func(manager string) claimChange {
		return func(pvc *corev1.PersistentVolumeClaim) {
			pvc.Labels["velero.io/restore-name"] = "nightly"
			pvc.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate}}
		}
	}
	s := siteOf(hoursAgo(1))
	answer := s.ask(t, reviewOf(t, strimziReview, labelled("velero-server")))
	wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "allow OtherRestore"})
	if answer.Patch != nil {
		t.Errorf("patch %s", answer.Patch)
	}
	answer = s.ask(t, reviewOf(t, strimziReview, labelled("strimzi-cluster-operator")))
	wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": hoursAgo(1).Obj().Name})
}

// TestPassedOverIsSaid checks that a warning names a newer snapshot, which is of a
// volume that came back empty.
func TestPassedOverIsSaid(t *testing.T) {
	t.Parallel()
	blank := hoursAgo(1).Lineage("second", false)
	answer := siteOf(blank, hoursAgo(2)).ask(t, recorded(t, strimziReview))
	wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": hoursAgo(2).Obj().Name})
	if !slices.ContainsFunc(answer.Warnings, func(w string) bool {
		return strings.Contains(w, blank.Obj().Name) && strings.Contains(w, "come back empty")
	}) {
		t.Errorf("warnings %q", answer.Warnings)
	}
}

// TestOrphanIsAskedAbout checks the claim of a broker that was scaled down months
// ago, while its cluster went on.
func TestOrphanIsAskedAbout(t *testing.T) {
	t.Parallel()
	neighbour := snapshotstest.StrimziClaim("my-cluster", "broker", 1, 0).In(namespace)
	s := site{cached: surroundings()}
	for _, o := range []client.Object{hoursAgo(24 * 200).Obj(), takenOf(neighbour, strimziBackup(), 2*time.Hour).Obj(), takenOf(neighbour, strimziBackup(), time.Hour).Obj()} {
		s.cached, s.live = append(s.cached, o), append(s.live, o)
	}
	answer := s.ask(t, recorded(t, strimziReview))
	wantAnswer(t, answer, http.StatusForbidden, map[string]string{"decision": "deny Orphaned"})
	if !strings.Contains(answer.Result.Message, v1alpha1.AnnotationRestoreOrphanAge) {
		t.Errorf("it does not say how to allow it: %s", answer.Result.Message)
	}
}
