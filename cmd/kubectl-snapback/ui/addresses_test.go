package ui

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestNotLetIn shows nothing of the cluster to who was not let in.
func TestNotLetIn(t *testing.T) {
	t.Parallel()
	w := served(t)
	w.set(func() { w.stale = []string{"secret"} })
	w.browser.Jar = nil
	for _, address := range []string{w.origin() + "/", w.origin() + "/backups?q=%22%3E%3Cb%3E", w.origin() + "//evil.example.com", w.at("/doctor"), w.origin() + "/?token=x"} {
		status, text := w.ask(t, address)
		if status != http.StatusForbidden || !strings.Contains(text, "kubectl snapback ui") || strings.Contains(text, "kafka") || strings.Contains(text, "secret") {
			t.Errorf("%s: status %d: %s", address, status, text)
		}
		if strings.Contains(text, w.server.guard.CSRF()) || strings.Contains(text, strings.Trim(w.server.guard.At("/"), "/")) {
			t.Errorf("%s: it has a secret: %s", address, text)
		}
	}
	for address, want := range map[string]string{
		w.origin() + "//evil.example.com":   `action="/evil.example.com"`,
		w.origin() + "/backups?q=%22%3E<b>": `name="q" value="&#34;&gt;&lt;b&gt;">`,
		w.at("/claims/a/b%2Fc"):             `action="/claims/a/b%2Fc"`,
	} {
		if _, text := w.ask(t, address); !strings.Contains(text, want) {
			t.Errorf("%s: there is no %s in %s", address, want, text)
		}
	}
}

// TestAddresses looks at all that the pages lead to: it is below the secret path, or is
// the style and the script, which are for all.
func TestAddresses(t *testing.T) {
	t.Parallel()
	w := served(t, snapshotstest.NewBackup("hourly", "kafka", "csi").Obj(), snapshotstest.StatefulSetClaim("kafka", 0).Obj())
	all := append(addresses(), "/doctor", "/nowhere", "/clusters/kafka/kafka", "/claims/kafka/data-kafka-0")
	for _, path := range all {
		_, text := w.get(t, path)
		found := address.FindAllStringSubmatch(text, -1)
		if len(found) < 5 {
			t.Errorf("%s has few addresses: %s", path, text)
		}
		for _, a := range found {
			if !strings.HasPrefix(a[1], w.server.guard.At("/")) && !strings.HasPrefix(a[1], "/static/") {
				t.Errorf("%s leads to %s", path, a[0])
			}
		}
	}
	if status, _ := w.ask(t, w.origin()+"/static/style.css"); status != http.StatusOK {
		t.Errorf("the style: status %d", status)
	}
}

// address matches what begins with a slash in an attribute.
var address = regexp.MustCompile(`(?:href|src|action|data-events)="(/[^"]*)"`)
