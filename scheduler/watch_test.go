package scheduler

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	snapbackapi "github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestClaimsConcernTheirOwn maps claims to the KafkaBackups that must be looked at when
// they change, and to no other of the namespace.
func TestClaimsConcernTheirOwn(t *testing.T) {
	selecting := snapshotstest.NewBackup("selecting", "plain", "class").Obj()
	selecting.Spec.VolumeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "plain"}}
	broker := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker")
	hourly := snapshotstest.NewBackup("hourly", "kafka", "class")
	vs := snapshotstest.NewSnapshot(broker, hourly, "driver", created.Add(-time.Hour)).Ready().Obj()
	objects := []client.Object{selecting, vs, hourly.Obj(), snapshotstest.NewBackup("daily", "kafka", "class").Obj(), snapshotstest.NewBackup("others", "other", "class").Obj()}
	r := &Reconciler{Client: fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme()).WithObjects(objects...).Build(), watched: knowing(objects...)}
	for name, test := range map[string]struct {
		claim *corev1.PersistentVolumeClaim
		want  []string
	}{
		"a broker's":                     {broker.Obj(), []string{"daily", "hourly"}},
		"one that a selector knows":      {snapshotstest.PlainClaim("plain").Label("app", "plain").Obj(), []string{"selecting"}},
		"one that nobody knows":          {snapshotstest.PlainClaim("web").Obj(), nil},
		"a copy, filled from a snapshot": {snapshotstest.PlainClaim("copy").From(vs.Name).Obj(), []string{"hourly"}},
	} {
		var got []string
		for _, request := range r.backupsOf(t.Context(), test.claim) {
			got = append(got, request.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
