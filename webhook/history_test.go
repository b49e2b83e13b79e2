package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/webhook"
)

// TestHistory has claims answered, and reads what the history has of them.
func TestHistory(t *testing.T) {
	none := siteOf()
	fails := refusing()
	fails.unsynced = true
	for name, test := range map[string]struct {
		site   site
		change claimChange
		want   v1alpha1.HistoryKind // empty: nothing
		reason v1alpha1.Reason
	}{
		"a restore":               {refusing(), untouched, v1alpha1.HistoryRestored, v1alpha1.ReasonRestored},
		"a refusal":               {refusing(), request("512Mi"), v1alpha1.HistoryRefused, v1alpha1.ReasonTooSmall},
		"opted out":               {refusing(), annotate(restore, "off"), v1alpha1.HistoryStartedEmpty, v1alpha1.ReasonOptedOut},
		"a volume without any":    {none, untouched, "", ""},
		"the creator has chosen":  {refusing(), func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.VolumeName = "pv" }, "", ""},
		"it cannot be looked up":  {fails, untouched, v1alpha1.HistoryRefused, v1alpha1.ReasonInternal},
		"nobody's claim":          {none, func(pvc *corev1.PersistentVolumeClaim) { pvc.Labels, pvc.Name = nil, "web" }, "", ""},
		"a claim without a label": {refusing(), func(pvc *corev1.PersistentVolumeClaim) { pvc.Labels = nil }, v1alpha1.HistoryRestored, v1alpha1.ReasonRestored},
	} {
		t.Run(name, func(t *testing.T) {
			review := reviewOf(t, strimziReview, test.change)
			lines, answer := remembered(t, test.site, review)
			if test.want == "" {
				if len(lines) != 0 || answer.AuditAnnotations["history"] != "" {
					t.Fatalf("nothing is worth an entry: %+v, %v", lines, answer.AuditAnnotations)
				}
				return
			}
			if len(lines) != 1 {
				t.Fatalf("%d lines: %+v", len(lines), lines)
			}
			e := lines[0]
			if e.Kind != test.want || e.Reason != string(test.reason) || e.Admission != string(review.Request.UID) || e.Actor != review.Request.UserInfo.Username ||
				e.Namespace != namespace || e.Claim == "" || e.Component != "webhook" || answer.AuditAnnotations["history"] != e.ID {
				t.Errorf("%+v, audit annotations %v", e, answer.AuditAnnotations)
			}
			if known := test.reason != v1alpha1.ReasonInternal; known && (e.Cluster == "" || e.Volume == "") {
				t.Errorf("cluster %q, volume %q", e.Cluster, e.Volume)
			}
			if restored := test.want == v1alpha1.HistoryRestored; restored != (e.Snapshot != "") || restored != (e.SnapshotUID != "") || restored != (e.Run != "") {
				t.Errorf("snapshot %q %q of run %q", e.Snapshot, e.SnapshotUID, e.Run)
			}
		})
	}
}

func TestDryRunIsNoHistory(t *testing.T) {
	review := reviewOf(t, strimziReview, request("512Mi"))
	review.Request.DryRun = ptr.To(true)
	if lines, _ := remembered(t, refusing(), review); len(lines) != 0 {
		t.Errorf("%+v", lines)
	}
}

// remembered asks a handler, and returns the lines of its history.
func remembered(t *testing.T, s site, review *admissionv1.AdmissionReview) (lines []v1alpha1.HistoryEntry, answer *admissionv1.AdmissionResponse) {
	t.Helper()
	var out bytes.Buffer
	handler := s.handler(t)
	handler.History = &history.Recorder{Component: history.Webhook, Out: &out, Now: func() time.Time { return now }}
	var answered admissionv1.AdmissionReview
	if err := json.Unmarshal(post(t.Context(), t, handler, review), &answered); err != nil {
		t.Fatal(err)
	}
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var e v1alpha1.HistoryEntry
		if err := decoder.Decode(&e); err != nil {
			t.Fatal(fmt.Errorf("a line is no entry: %w", err))
		}
		lines = append(lines, e)
	}
	return lines, answered.Response
}

// TestUnknownClusterHasNoObject has claims that alone name their Kafka cluster: who may
// create claims cannot fill a namespace with ConfigMaps.
func TestUnknownClusterHasNoObject(t *testing.T) {
	alone := siteOf()
	alone.backups = webhook.NewStaticBackups()
	for name, test := range map[string]struct {
		site site
		want int
	}{
		"a volume with snapshots": {refusing(), 1},
		"with a KafkaBackup":      {siteOf(), 1},
		"nobody knows it":         {alone, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := fake.NewClientBuilder().WithIndex(&corev1.ConfigMap{}, "metadata.name", func(o client.Object) []string { return []string{o.GetName()} }).Build()
			var out bytes.Buffer
			handler := test.site.handler(t)
			handler.History = &history.Recorder{Component: history.Webhook, Out: &out, Client: c, Reader: c, Now: func() time.Time { return now }}
			review := reviewOf(t, strimziReview, annotate(restore, "yes"))
			post(t.Context(), t, handler, review)
			handler.History.Flush(t.Context())
			var list corev1.ConfigMapList
			if err := c.List(t.Context(), &list); err != nil {
				t.Fatal(err)
			}
			if len(list.Items) != test.want || strings.Count(out.String(), "\n") != 1 {
				t.Errorf("%d ConfigMaps, log: %s", len(list.Items), out.String())
			}
		})
	}
}
