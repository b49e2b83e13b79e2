package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// pageOf runs "kubectl snapback ui" in a namespace, and returns its address with the
// token, and what ends it.
func pageOf(t *testing.T, namespace string) (string, func() error) {
	t.Helper()
	program, err := plugin()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "ui", "--open=false", "-n", namespace, "--kubeconfig", shared.Get(t).Kubeconfig())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address := strings.TrimSpace(lines.Text()); strings.HasPrefix(address, "http://") {
			return address, func() error {
				if err := cmd.Process.Signal(os.Interrupt); err != nil {
					return err
				}
				_, _ = io.Copy(io.Discard, out)
				return cmd.Wait()
			}
		}
	}
	t.Fatalf("it printed no address: %v", lines.Err())
	return "", nil
}

// TestPluginUI opens the page as a browser does, sees a change come by itself, has the
// checks made, and ends the command while a page is open.
func TestPluginUI(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	statefulBroker(t, c, ns, 0)
	address, end := pageOf(t, ns)
	root, _, _ := strings.Cut(address, "/?")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	has := func(path, want string) error {
		answer, err := browser.Get(root + path)
		if err != nil {
			return err
		}
		defer answer.Body.Close() //nolint:errcheck // nothing was written
		text, err := io.ReadAll(answer.Body)
		if err == nil && !strings.Contains(string(text), want) {
			err = fmt.Errorf("%s has no %q: %d: %s", path, want, answer.StatusCode, text)
		}
		return err
	}
	for _, page := range []struct{ path, want string }{
		{"/", "You are not let in"},
		{strings.TrimPrefix(address, root), "no KafkaBackup names this cluster"},
		{"/doctor", "Kafka"},
	} {
		if err := has(page.path, page.want); err != nil {
			t.Error(err)
		}
	}
	events, err := browser.Get(root + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close() //nolint:errcheck // nothing was written
	told := bufio.NewScanner(events.Body)
	create(t, c, snapshotstest.NewBackup("nightly", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).Obj())
	eventually(t, func(context.Context) error {
		told.Scan()
		return has("/", "nobody has opted in")
	})
	began := time.Now()
	if err := end(); err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("ended after %s: %v", time.Since(began), err)
	}
}
