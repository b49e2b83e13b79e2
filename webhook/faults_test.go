package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/webhook"
)

var errDown = errors.New("etcd is having a bad day")

// onRead calls check before each read of a kind such as "VolumeSnapshotList", or of
// any kind if it is empty. If check returns an error, the read fails with it.
func onRead(kind string, check func(context.Context) error) interceptor.Funcs {
	concerns := func(c client.WithWatch, o runtime.Object) bool {
		gvk, err := c.GroupVersionKindFor(o)
		return kind == "" || err == nil && gvk.Kind == kind
	}
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if concerns(c, o) {
				if err := check(ctx); err != nil {
					return err
				}
			}
			return c.Get(ctx, key, o, options...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if concerns(c, list) {
				if err := check(ctx); err != nil {
					return err
				}
			}
			return c.List(ctx, list, options...)
		},
	}
}

func failing(kind string) interceptor.Funcs {
	return onRead(kind, func(context.Context) error { return errDown })
}

// TestErrors checks reads that fail. The creator always gets the same text: ports and
// addresses vary, and some operators copy the text into a status.
func TestErrors(t *testing.T) {
	stocked := func() site { return siteOf(hoursAgo(1)) }
	var told string
	for _, test := range []struct {
		name   string
		site   site
		change func(*site)
	}{
		{"KafkaBackups", stocked(), func(s *site) { s.backups = webhook.NewBackups(nil) }},
		{"cached snapshots", stocked(), func(s *site) { s.unsynced = true }},
		{"StorageClass", stocked(), func(s *site) { s.cachedFaults = failing("StorageClass") }},
		{"Namespace", stocked(), func(s *site) { s.cachedFaults = failing("Namespace") }},
		{"Namespace not seen yet", stocked(), func(s *site) { s.cached = s.cached[1:] }},
		{"the chosen snapshot", stocked(), func(s *site) { s.liveFaults = failing("VolumeSnapshot") }},
		{"that there is none", siteOf(), func(s *site) { s.liveFaults = failing("VolumeSnapshotList") }},
		{"that there is none left", siteWith([]*snapshotstest.Snapshot{hoursAgo(1)}, nil), func(s *site) { s.liveFaults = failing("VolumeSnapshotList") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.change(&test.site)
			answer := test.site.ask(t, recorded(t, strimziReview))
			wantAnswer(t, answer, http.StatusServiceUnavailable, map[string]string{"decision": "error Internal"})
			if told == "" {
				told = answer.Result.Message
			}
			if answer.Result.Message != told || !strings.Contains(told, "try again") || strings.Contains(told, errDown.Error()) {
				t.Errorf("the message varies, or tells too much: %s", answer.Result.Message)
			}
		})
	}
}

// If the handler fails open, a claim gets through with a warning after an error. A
// refusal stays a refusal.
func TestFailOpen(t *testing.T) {
	s := siteOf(hoursAgo(1))
	s.cachedFaults = failing("StorageClass")
	h := s.handler(t)
	h.FailOpen = true
	answer := admit(t.Context(), h, recorded(t, strimziReview).Request)
	wantAnswer(t, &answer.AdmissionResponse, http.StatusOK, map[string]string{"decision": "allow Internal"})
	if len(answer.Warnings) != 1 || !strings.Contains(answer.Warnings[0], "starts empty") || len(answer.Patches) > 0 {
		t.Errorf("warnings %q, patches %v", answer.Warnings, answer.Patches)
	}
	h = siteOf(hoursAgo(1)).handler(t)
	h.FailOpen = true
	small := reviewOf(t, strimziReview, func(pvc *corev1.PersistentVolumeClaim) {
		pvc.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("1Ki")
	})
	answer = admit(t.Context(), h, small.Request)
	wantAnswer(t, &answer.AdmissionResponse, http.StatusForbidden, map[string]string{"decision": "deny TooSmall"})
}

func TestCancelled(t *testing.T) {
	// A server that shuts down cancels it, but a request that has reached it is answered.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := siteOf(hoursAgo(1))
	s.cachedFaults = onRead("", func(ctx context.Context) error { return ctx.Err() })
	s.liveFaults = s.cachedFaults
	answer := admit(ctx, s.handler(t), recorded(t, strimziReview).Request)
	wantAnswer(t, &answer.AdmissionResponse, http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": hoursAgo(1).Obj().Name})
}

// A claim whose creator has chosen a source needs no read.
func TestCreatorsChoiceNeedsNoReads(t *testing.T) {
	s := site{cachedFaults: failing(""), liveFaults: failing("")}
	answer := s.ask(t, reviewOf(t, strimziReview, func(pvc *corev1.PersistentVolumeClaim) { pvc.Spec.VolumeName = "pv-1" }))
	wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "allow VolumeNameSet"})
}

// A claim of no broker volume is answered from the cache alone.
func TestOtherClaimsNeedNoApiserver(t *testing.T) {
	s := siteOf()
	s.liveFaults = failing("")
	answer := s.ask(t, reviewOf(t, strimziReview, func(pvc *corev1.PersistentVolumeClaim) { pvc.Labels = nil }))
	wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "allow NotBrokerVolume"})
}

func TestNothingIsReadForLong(t *testing.T) {
	s := siteOf(hoursAgo(1))
	var reads atomic.Int32
	s.cachedFaults = onRead("", func(ctx context.Context) error {
		n := reads.Add(1)
		if until, ok := ctx.Deadline(); !ok || time.Until(until) > 4*time.Second {
			t.Errorf("read %d may take until %s", n, until)
		}
		return nil
	})
	s.liveFaults = s.cachedFaults
	s.ask(t, recorded(t, strimziReview))
	if reads := reads.Load(); reads < 4 { // KafkaBackups, StorageClass, Namespace, and the chosen one live
		t.Errorf("%d reads", reads)
	}
}

// admit sends a request to a handler that the apiserver would not send.
func admit(ctx context.Context, h *webhook.Handler, request *admissionv1.AdmissionRequest) admission.Response {
	answer := h.Handle(ctx, admission.Request{AdmissionRequest: *request})
	if err := answer.Complete(admission.Request{AdmissionRequest: *request}); err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return answer
}

func TestBadRequests(t *testing.T) {
	const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"kafka-0"}}`
	object := func(raw string) func(*admissionv1.AdmissionRequest) {
		return func(r *admissionv1.AdmissionRequest) { r.Object.Raw = []byte(raw) }
	}
	for _, test := range []struct {
		name   string
		change func(*admissionv1.AdmissionRequest)
	}{
		{"a Pod", func(r *admissionv1.AdmissionRequest) { r.Kind.Kind, r.Object.Raw = "Pod", []byte(pod) }},
		{"a Pod said to be a claim", object(pod)},
		{"a claim of another group", func(r *admissionv1.AdmissionRequest) { r.Kind.Group = "example.com" }},
		{"an update", func(r *admissionv1.AdmissionRequest) { r.Operation = admissionv1.Update }},
		{"a deletion", func(r *admissionv1.AdmissionRequest) { r.Operation = admissionv1.Delete }},
		{"no operation", func(r *admissionv1.AdmissionRequest) { r.Operation = "" }},
		{"nothing", func(r *admissionv1.AdmissionRequest) { *r = admissionv1.AdmissionRequest{} }},
		{"no object", object("")},
		{"garbage", object("\x00\xff{{]")},
		{"a cut object", object(`{"kind":"PersistentVolumeClaim","apiVersion":"v1","metadata":{"name":"da`)},
		{"a number", object("7")},
		{"a list", object("[]")},
		{"labels that are none", object(`{"kind":"PersistentVolumeClaim","apiVersion":"v1","metadata":{"labels":["app=kafka"]}}`)},
		{"a request that is none", object(`{"kind":"PersistentVolumeClaim","apiVersion":"v1","spec":{"resources":{"requests":{"storage":"much"}}}}`)},
		{"a version that is none", object(`{"kind":"PersistentVolumeClaim","apiVersion":"v2"}`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			review := recorded(t, strimziReview)
			test.change(review.Request)
			answer := admit(t.Context(), siteOf(hoursAgo(1)).handler(t), review.Request)
			wantAnswer(t, &answer.AdmissionResponse, http.StatusBadRequest, nil)
			if answer.Result.Message == "" {
				t.Error("refused without a word")
			}
		})
	}
}

func TestEmptyObjectIsNoBrokerVolume(t *testing.T) {
	for _, raw := range []string{"{}", "null"} {
		review := recorded(t, strimziReview)
		review.Request.Object.Raw = []byte(raw)
		answer := admit(t.Context(), siteOf(hoursAgo(1)).handler(t), review.Request)
		wantAnswer(t, &answer.AdmissionResponse, http.StatusOK, map[string]string{"decision": "allow NotBrokerVolume"})
		if answer.Patch != nil {
			t.Errorf("%s: patch %s", raw, answer.Patch)
		}
	}
}
