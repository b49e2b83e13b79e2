package webhook_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

type claimChange = func(*corev1.PersistentVolumeClaim)

func untouched(*corev1.PersistentVolumeClaim) {}

func annotate(key, value string) claimChange {
	return func(pvc *corev1.PersistentVolumeClaim) { pvc.Annotations[key] = value }
}

func request(quantity string) claimChange {
	return func(pvc *corev1.PersistentVolumeClaim) {
		pvc.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse(quantity)
	}
}

// wantPatch checks that the answer restores from that snapshot with exactly
// two operations, the second of which keeps the claim's own annotations.
func wantPatch(t *testing.T, answer *admissionv1.AdmissionResponse, snapshot, scheduled string, annotations map[string]string) {
	t.Helper()
	kept := map[string]any{"snapback.dev/restored-from": snapshot, "snapback.dev/restored-time": scheduled}
	for key, value := range annotations {
		kept[key] = value
	}
	want := []map[string]any{
		{"op": "add", "path": "/spec/dataSource", "value": map[string]any{
			"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": snapshot,
		}},
		{"op": "add", "path": "/metadata/annotations", "value": kept},
	}
	var got []map[string]any
	if err := json.Unmarshal(answer.Patch, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("patch %s, %v\nwant %v", answer.Patch, err, want)
	}
	if answer.PatchType == nil || *answer.PatchType != admissionv1.PatchTypeJSONPatch {
		t.Errorf("patch type %v", answer.PatchType)
	}
	wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": snapshot})
}

// The name of the pin stays on the claim, even if the pin is removed later.
func TestPinIsToldOnTheClaim(t *testing.T) {
	pinned := hoursAgo(2).Annotate(v1alpha1.AnnotationRestoreNext, "true")
	own := map[string]string{"strimzi.io/delete-claim": "false", "snapback.dev/restored-by": "restore-next"}
	wantPatch(t, siteOf(hoursAgo(1), pinned).ask(t, recorded(t, strimziReview)), pinned.Obj().Name, "2026-12-01T10:00:00Z", own)
	before := annotate(v1alpha1.AnnotationRestoreBefore, "2026-12-01T10:30:00Z")
	own["snapback.dev/restored-by"], own[v1alpha1.AnnotationRestoreBefore] = "restore-before", "2026-12-01T10:30:00Z"
	wantPatch(t, siteOf(hoursAgo(1), hoursAgo(2)).ask(t, reviewOf(t, strimziReview, before)), hoursAgo(2).Obj().Name, "2026-12-01T10:00:00Z", own)
}

// wantAnswer checks the code, whether it is allowed, and the audit annotations.
func wantAnswer(t *testing.T, answer *admissionv1.AdmissionResponse, code int32, audit map[string]string) {
	t.Helper()
	if answer.Result.Code != code || answer.Allowed != (code == http.StatusOK) {
		t.Errorf("code %d, allowed %t; want %d: %s", answer.Result.Code, answer.Allowed, code, answer.Result.Message)
	}
	if !maps.Equal(answer.AuditAnnotations, audit) {
		t.Errorf("audit annotations %v, want %v", answer.AuditAnnotations, audit)
	}
	if !answer.Allowed && (answer.Patch != nil || answer.PatchType != nil || len(answer.Warnings) > 0) {
		t.Errorf("refused with patch %s and warnings %q", answer.Patch, answer.Warnings)
	}
	if _, reason, decided := strings.Cut(audit["decision"], " "); decided {
		wantRead(t, answer, v1alpha1.Reason(reason), audit["snapshot"])
	}
}

// wantRead checks what programs can read out of an answer.
func wantRead(t *testing.T, answer *admissionv1.AdmissionResponse, reason v1alpha1.Reason, snapshot string) {
	t.Helper()
	if !answer.Allowed {
		if d := answer.Result.Details; d == nil || len(d.Causes) != 1 || d.Causes[0] != v1alpha1.Cause(reason, answer.Result.Message) {
			t.Errorf("the details of the refusal are %+v, want a cause %s", d, reason)
		}
		return
	}
	for n, text := range answer.Warnings {
		got, name, ok := v1alpha1.ReadWarning(text)
		if !ok || got != reason || n == 0 && name != snapshot || n > 0 && name != "" {
			t.Errorf("warning %d, %q, is read as %q, %q, want %q, %q", n, text, got, name, reason, snapshot)
		}
	}
}

func TestRestore(t *testing.T) {
	older, newest := hoursAgo(2), hoursAgo(1)
	for _, test := range []struct {
		name        string
		change      claimChange
		annotations map[string]string // that the claim has of its own
	}{
		{"as recorded", untouched, map[string]string{"strimzi.io/delete-claim": "false"}},
		{"with more annotations", annotate("example.com/a~b", `"quoted"`), map[string]string{"strimzi.io/delete-claim": "false", "example.com/a~b": `"quoted"`}},
		{"without annotations", func(pvc *corev1.PersistentVolumeClaim) { pvc.Annotations = nil }, nil},
		{"restored before, from another", annotate(v1alpha1.AnnotationRestoredFrom, "old"), map[string]string{"strimzi.io/delete-claim": "false", v1alpha1.AnnotationRestoredFrom: newest.Obj().Name}},
		{"without a storage class", func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.StorageClassName = nil }, map[string]string{"strimzi.io/delete-claim": "false"}},
		{"of a storage class that is not there", func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.StorageClassName = ptr.To("gone") }, map[string]string{"strimzi.io/delete-claim": "false"}},
		{"without a volume mode", func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.VolumeMode = nil }, map[string]string{"strimzi.io/delete-claim": "false"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := siteOf(older, newest).ask(t, reviewOf(t, strimziReview, test.change))
			wantPatch(t, answer, newest.Obj().Name, "2026-12-01T11:00:00Z", test.annotations)
			if len(answer.Warnings) != 1 || !strings.Contains(answer.Warnings[0], newest.Obj().Name) {
				t.Errorf("warnings %q, want one that names the snapshot", answer.Warnings)
			}
		})
	}
}

func TestRestoreOfAClaimWithoutAName(t *testing.T) {
	snapshot := koperatorSnapshot(now.Add(-21 * time.Hour))
	review := recorded(t, koperatorReview)
	if review.Request.Name != "" {
		t.Fatalf("the claim is named %q", review.Request.Name)
	}
	var pvc corev1.PersistentVolumeClaim
	if err := json.Unmarshal(review.Request.Object.Raw, &pvc); err != nil {
		t.Fatal(err)
	}
	answer := siteOf(snapshot, hoursAgo(1)).ask(t, review)
	wantPatch(t, answer, snapshot.Obj().Name, "2026-11-30T15:00:00Z", pvc.Annotations)
	if len(answer.Warnings) != 2 || !strings.Contains(answer.Warnings[1], "21h") {
		t.Errorf("warnings %q, want one of its age too", answer.Warnings)
	}
}

func TestWaiting(t *testing.T) {
	cut := hoursAgo(1).Obj()
	cut.Status.ReadyToUse = nil
	s := site{cached: append(surroundings(), cut)}
	s.live = append(s.live, cut.DeepCopy())
	answer := s.ask(t, recorded(t, strimziReview))
	wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "restore WaitingForSnapshot", "snapshot": cut.Name})
	if answer.Patch == nil || len(answer.Warnings) != 1 || !strings.Contains(answer.Warnings[0], "Pending") {
		t.Errorf("patch %s, warnings %q", answer.Patch, answer.Warnings)
	}
}

func TestAllow(t *testing.T) {
	source := &corev1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "template"}
	reference := &corev1.TypedObjectReference{Kind: "PersistentVolumeClaim", Name: "template"}
	for _, test := range []struct {
		name   string
		change claimChange
		reason string
		warns  bool
	}{
		{"no broker volume", func(pvc *corev1.PersistentVolumeClaim) { pvc.Name, pvc.Labels = "web-0", nil }, "NotBrokerVolume", false},
		{"not opted in", func(pvc *corev1.PersistentVolumeClaim) {
			pvc.Name, pvc.Labels["strimzi.io/cluster"] = "data-0-third-broker-0", "third"
		}, "NotOptedIn", false},
		{"opted out", annotate(restore, "off"), "OptedOut", false},
		{"opted out by its own KafkaBackup", func(pvc *corev1.PersistentVolumeClaim) { pvc.Labels["strimzi.io/cluster"] = "other-cluster" }, "OptedOut", false},
		{"a volume without snapshots", func(pvc *corev1.PersistentVolumeClaim) { pvc.Name = "data-0-my-cluster-broker-7" }, "NoSnapshot", true},
		{"dataSource", func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.DataSource = source }, "DataSourceSet", false},
		{"dataSourceRef", func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.DataSourceRef = reference }, "DataSourceSet", false},
		{"volumeName", func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.VolumeName = "pv-1" }, "VolumeNameSet", false},
		{"selector", func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.Selector = &metav1.LabelSelector{} }, "SelectorSet", false},
		{"too small, to start empty", func(pvc *corev1.PersistentVolumeClaim) {
			request("1Mi")(pvc)
			annotate(v1alpha1.AnnotationRestoreUnusable, "empty")(pvc)
		}, "TooSmall", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := siteOf(hoursAgo(1))
			s.live = append(s.live, surroundings()...)
			answer := s.ask(t, reviewOf(t, strimziReview, test.change))
			wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "allow " + test.reason})
			if answer.Patch != nil || answer.PatchType != nil {
				t.Errorf("patch %s", answer.Patch)
			}
			if (len(answer.Warnings) > 0) != test.warns {
				t.Errorf("warnings %q, want any: %t", answer.Warnings, test.warns)
			}
		})
	}
}

// refusals are the claims for which a person must fix something.
var refusals = []struct {
	name   string
	change claimChange
	reason string
	says   string
}{
	{"too small", request("512Mi"), "TooSmall", "512Mi"},
	{"another volume mode", func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock) }, "VolumeModeMismatch", "Block"},
	{"another driver", func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.StorageClassName = ptr.To("nfs") }, "DriverMismatch", "nfs.csi.k8s.io"},
	{"an invalid annotation", annotate(restore, "yes"), "InvalidAnnotation", restore},
	{"a quorum volume", func(pvc *corev1.PersistentVolumeClaim) { pvc.Labels["strimzi.io/component-type"] = "zookeeper" }, "QuorumUndecided", v1alpha1.AnnotationRestoreQuorum},
}

func refusing() site {
	s := siteOf(hoursAgo(1), hoursAgo(2))
	s.cached = append(s.cached, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "nfs"}, Provisioner: "nfs.csi.k8s.io"})
	return s
}

func TestDeny(t *testing.T) {
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			answer := refusing().ask(t, reviewOf(t, strimziReview, test.change))
			wantAnswer(t, answer, http.StatusForbidden, map[string]string{"decision": "deny " + test.reason})
			if answer.Result.Reason != metav1.StatusReasonForbidden || !strings.Contains(answer.Result.Message, test.says) {
				t.Errorf("reason %q, message %q; want it to say %q", answer.Result.Reason, answer.Result.Message, test.says)
			}
		})
	}
}

func TestRefusalIsByteIdentical(t *testing.T) {
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			review, at, s := reviewOf(t, strimziReview, test.change), now, refusing()
			s.now = func() time.Time { return at }
			handler := s.handler(t)
			want := string(post(t.Context(), t, handler, review))
			for ; at.Before(now.Add(time.Hour)); at = at.Add(41 * time.Second) {
				if got := string(post(t.Context(), t, handler, review)); got != want {
					t.Fatalf("after %s it is\n%s, was\n%s", at.Sub(now), got, want)
				}
			}
		})
	}
}

func TestDryRunIsAnsweredAlike(t *testing.T) {
	for _, change := range []claimChange{untouched, request("512Mi"), annotate(restore, "off")} {
		review, handler := reviewOf(t, strimziReview, change), refusing().handler(t)
		want := string(post(t.Context(), t, handler, review))
		review.Request.DryRun = ptr.To(true)
		if got := string(post(t.Context(), t, handler, review)); got != want {
			t.Errorf("a dry run is answered\n%s, else\n%s", got, want)
		}
	}
}
