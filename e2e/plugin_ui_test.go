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
	origin, _, _ := strings.Cut(address, "/?")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	root := "" // where the last answer came from
	has := func(address, want string) error {
		answer, err := browser.Get(address)
		if err != nil {
			return err
		}
		defer answer.Body.Close() //nolint:errcheck // nothing was written
		root = strings.TrimSuffix(answer.Request.URL.String(), "/")
		text, err := io.ReadAll(answer.Body)
		if err == nil && !strings.Contains(string(text), want) {
			err = fmt.Errorf("%s has no %q: %d: %s", address, want, answer.StatusCode, text)
		}
		return err
	}
	if err := has(origin+"/", "You are not let in"); err != nil {
		t.Error(err)
	}
	eventually(t, func(context.Context) error { return has(address, "no KafkaBackup names this cluster") }) // it is read first
	pages := root
	if err := has(pages+"/doctor", "Kafka"); err != nil {
		t.Error(err)
	}
	events, err := browser.Get(pages + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close() //nolint:errcheck // nothing was written
	told := bufio.NewScanner(events.Body)
	create(t, c, snapshotstest.NewBackup("nightly", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).Obj())
	eventually(t, func(context.Context) error {
		told.Scan()
		return has(pages+"/", "nobody has opted in")
	})
	if err := end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
