package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// answerTo returns the answer to a request body, as the process gives it.
func answerTo(t *testing.T, s site, body io.Reader) *admissionv1.AdmissionResponse {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mutate-pvc", body)
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	s.handler(t).Admission().ServeHTTP(recorder, request)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil || review.Response == nil {
		t.Fatalf("no review: %v", err)
	}
	return review.Response
}

// At most 7 MB of a request are read: no apiserver sends more.
func TestHugeReview(t *testing.T) {
	sent := &counted{Reader: bytes.NewReader(make([]byte, 64<<20))}
	answer := answerTo(t, siteOf(hoursAgo(1)), sent)
	if answer.Allowed || answer.Result.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("allowed %t: %+v", answer.Allowed, answer.Result)
	}
	if sent.n > 7<<20 {
		t.Errorf("%d bytes were taken", sent.n)
	}
}

type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// A bug costs one answer, not the process, and lets no claim through.
func TestPanic(t *testing.T) {
	s := siteOf(hoursAgo(1))
	s.cachedFaults = onRead("", func(context.Context) error { panic("a bug") })
	body, err := json.Marshal(recorded(t, strimziReview))
	if err != nil {
		t.Fatal(err)
	}
	answer := answerTo(t, s, bytes.NewReader(body))
	if answer.Allowed || answer.Result.Code != http.StatusInternalServerError {
		t.Errorf("allowed %t: %+v", answer.Allowed, answer.Result)
	}
}
