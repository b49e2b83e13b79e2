package scheduler_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPruningDoesNotDelayARun lets the deletes of pruned snapshots hang. The next
// run must still get its snapshots.
func TestPruningDoesNotDelayARun(t *testing.T) {
	f := newFixture(t)
	f.brokers(2)
	f.start()
	kb, held := f.hanging()
	next := f.scheduled(kb)
	f.clock.Advance(next.Sub(f.clock.Now()))
	f.eventually(func(context.Context) error {
		made := 0
		for _, vs := range f.snapshots() {
			if vs.Labels[v1alpha1.LabelRun] == snapshots.FormatRun(next) {
				made++
			}
		}
		if made != 2 {
			return fmt.Errorf("%d snapshots of the run of %s", made, next)
		}
		return nil
	})
	if held.waiting.Load() == 0 {
		t.Error("the deletes were not held any more")
	}
}

// TestOneThatHangsHoldsUpNoOther has a KafkaBackup whose reconciliation hangs.
// Another one that is created in the meantime must still run.
func TestOneThatHangsHoldsUpNoOther(t *testing.T) {
	f := newFixture(t)
	f.brokers(2)
	f.start()
	_, held := f.hanging()
	asked := held.asked.Load()
	f.runNext(f.backup(snapshotstest.NewBackup("other", "kafka", cluster.SnapshotClass).Schedule("@every 10m")))
	if held.waiting.Load() == 0 || held.asked.Load() != asked {
		t.Error("the other one was looked at only when the first had been")
	}
}

// hanging returns a KafkaBackup whose worker waits for snapshots to be deleted.
func (f *fixture) hanging() (*v1alpha1.KafkaBackup, *held) {
	f.Helper()
	kb := f.backup(hourly())
	for range 2 {
		f.runNext(kb)
	}
	held := f.holdDeletes()
	f.edit(kb, func(s *v1alpha1.KafkaBackupSpec) { s.RetentionCount = ptrTo(int32(2)) })
	f.observed(kb)
	f.runNext(kb) // now the snapshots of the first run have outlived their retention
	next := f.scheduled(kb)
	f.eventually(func(context.Context) error {
		if next.Sub(f.clock.Now()) > 30*time.Minute {
			f.clock.Advance(20 * time.Second) // the snapshots may be marked only now
		}
		f.lookAgain(kb)
		if held.waiting.Load() < 2 {
			return fmt.Errorf("not both volumes' snapshots are being pruned")
		}
		return nil
	})
	return kb, held
}

// held counts the deletes that hang.
type held struct{ waiting, asked atomic.Int64 }

// holdDeletes lets the deletes of the namespace's snapshots hang until the test
// ends.
func (f *fixture) holdDeletes() *held {
	f.Helper()
	held := &held{}
	ctx, release := context.WithCancel(context.Background())
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(req.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		held.asked.Add(1)
		held.waiting.Add(1)
		defer held.waiting.Add(-1)
		select {
		case <-ctx.Done():
		case <-req.Context().Done():
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		_ = json.NewEncoder(w).Encode(review) // the client may be gone
	}))
	f.Cleanup(server.Close)
	f.Cleanup(release)
	hold := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "hold-"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "hold.scheduler.test",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Delete},
				Rule: admissionregistrationv1.Rule{APIGroups: []string{"snapshot.storage.k8s.io"}, APIVersions: []string{"v1"},
					Resources: []string{"volumesnapshots"}},
			}},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": f.namespace}},
			SideEffects:             ptrTo(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:          ptrTo(int32(30)),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
	f.create(hold)
	f.Cleanup(func() {
		if err := f.client.Delete(context.Background(), hold); err != nil {
			f.Error(err)
		}
	})
	return held
}
