package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// reasons are those that an apiserver gives with its statuses.
var reasons = map[int]string{
	http.StatusConflict:            "Conflict",
	http.StatusGone:                "Expired",
	http.StatusTooManyRequests:     "TooManyRequests",
	http.StatusInternalServerError: "InternalError",
	http.StatusGatewayTimeout:      "Timeout",
}

// status is the object that an apiserver answers with if it does not do what it was
// asked.
func status(code int) []byte {
	return fmt.Appendf(nil, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"chaos","reason":%q,"code":%d}`, reasons[code], code)
}

// refuse answers as an apiserver does that has too much to do, or is ill.
func refuse(w http.ResponseWriter, code int) {
	if code == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(status(code)) // the caller may be gone
}

// expire answers a watch as an apiserver does that has no more the version from which
// the watch is to go on.
func expire(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"type":"ERROR","object":%s}`+"\n", status(http.StatusGone))
}

// instead answers with a status in place of what came.
func instead(resp *http.Response, code int) error {
	if err := resp.Body.Close(); err != nil {
		return fmt.Errorf("drop the apiserver's answer: %w", err)
	}
	body := status(code)
	resp.StatusCode, resp.Status = code, http.StatusText(code)
	resp.Header = http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))}}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}
