package live

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestAheadBy(t *testing.T) {
	t.Parallel()
	sent := time.Date(2026, time.March, 1, 12, 30, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		took  time.Duration
		there time.Duration // after it was sent
		want  time.Duration
	}{
		"the same second":        {time.Millisecond, 0, 0},
		"cut off at the second":  {time.Millisecond, -time.Second, 0},
		"a slow answer":          {5 * time.Minute, 4 * time.Minute, 0},
		"ahead":                  {time.Millisecond, -5*time.Minute - time.Second, 5 * time.Minute},
		"behind":                 {time.Second, 5*time.Minute + time.Second, -5 * time.Minute},
		"ahead, a slow answer":   {time.Minute, -5*time.Minute - time.Second, 5 * time.Minute},
		"behind, a slow answer":  {time.Minute, 5 * time.Minute, -4 * time.Minute},
		"years behind, as at 0 ": {time.Second, 50*365*24*time.Hour + time.Second, -50 * 365 * 24 * time.Hour},
	} {
		if got := aheadBy(sent, sent.Add(test.took), sent.Add(test.there)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestClockSaid(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]string{
		0: "", time.Minute: "", -time.Minute: "", time.Minute + time.Second: "the clock of this machine is 61s ahead of the apiserver's", 3 * time.Hour: "3h ahead of", -10 * time.Minute: "10m behind the apiserver's",
	} {
		c := clock{ahead: ahead}
		if got := c.said(); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: %q, want %q", ahead, got, want)
		}
	}
}

// TestClockIsSeen asks an apiserver whose clock is another one: what is said follows the
// last answer, also if it is a refusal, and an answer without a Date says nothing.
func TestClockIsSeen(t *testing.T) {
	t.Parallel()
	var date []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = date
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	now := time.Date(2026, time.March, 1, 12, 30, 0, 0, time.UTC)
	c := &clock{now: func() time.Time { return now }}
	browser := &http.Client{Transport: c.wrap(http.DefaultTransport)}
	for _, step := range []struct {
		date []string
		want bool
	}{
		{[]string{now.Format(http.TimeFormat)}, false},
		{[]string{now.Add(-time.Hour).Format(http.TimeFormat)}, true},
		{nil, true},
		{[]string{"soon"}, true},
		{[]string{now.Format(http.TimeFormat)}, false},
	} {
		date = step.date
		answer, err := browser.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got := c.said(); (got != "") != step.want {
			t.Errorf("after the date %q: %q", step.date, got)
		}
	}
}

// TestClockOfStart is that of the apiserver which is watched.
func TestClockOfStart(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l, err := Start(ctx, &rest.Config{Host: server.URL}, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Wait(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if got := l.Clock(); !strings.Contains(got, "behind the apiserver's") {
		t.Errorf("it says %q", got)
	}
}
