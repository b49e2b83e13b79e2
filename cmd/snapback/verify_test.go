package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/kafka/logdir"
)

// verified is what "snapback verify" did.
type verified struct {
	out, err string
	code     int
}

func runVerify(t *testing.T, user *syscall.Credential, args ...string) verified {
	t.Helper()
	binary, err := cluster.Build(t.Context(), ".", "./cmd/snapback", "snapback")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"verify"}, args...)...)
	if user != nil {
		cmd.Args[0], cmd.Path = binary, copyFor(t, binary)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return verified{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// copyFor copies a program to where every user may run it.
func copyFor(t *testing.T, binary string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "snapback")
	content, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(to, content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	reachable(t, to)
	return to
}

// reachable lets every user look into the folders above a file of a test.
func reachable(t *testing.T, file string) {
	t.Helper()
	for dir := filepath.Dir(file); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// volume returns a volume with one log dir and an empty partition, two levels down.
func volume(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	logDir := filepath.Join(root, "kafka", "data")
	if err := os.MkdirAll(filepath.Join(logDir, "t-0"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"meta.properties": "version=1\nnode.id=1\ncluster.id=c\n", "t-0/00000000000000000000.log": ""} {
		if err := os.WriteFile(filepath.Join(logDir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// contents are the files and folders below a folder, with their times of change.
func contents(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		all = append(all, path+" "+info.ModTime().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestVerifySummary(t *testing.T) {
	tests := map[string]struct {
		change func(root string) error
		code   int
		want   logdir.Summary
	}{
		"a sound volume": {func(string) error { return nil }, 0, logdir.Summary{Sound: true, Dirs: 1, Partitions: 1}},
		"damage": {func(root string) error {
			return os.WriteFile(filepath.Join(root, "kafka/data/t-0/00000000000000000000.log"), bytes.Repeat([]byte("x"), 100), 0o644)
		}, 1, logdir.Summary{Dirs: 1, Partitions: 1, Bytes: 100, Problems: []string{"t-0: 00000000000000000000.log: at byte 0 of 100: the record batch has format 120, not 2"}}},
		"an empty volume": {func(root string) error { return os.RemoveAll(filepath.Join(root, "kafka")) }, 1,
			logdir.Summary{Problems: []string{"VOLUME: no log dir: no folder has a meta.properties, at most 3 levels down"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root, message := volume(t), filepath.Join(t.TempDir(), "termination-log")
			if err := errors.Join(test.change(root), os.WriteFile(message, bytes.Repeat([]byte("old"), 4000), 0o666)); err != nil {
				t.Fatal(err)
			}
			before, err := os.Stat(message)
			if err != nil {
				t.Fatal(err)
			}
			was := contents(t, root)
			got := runVerify(t, nil, "--search", "--summary", message, "-o", "json", root)
			if got.code != test.code || !json.Valid([]byte(got.out)) {
				t.Errorf("exit code %d, %s%s", got.code, got.out, got.err)
			}
			text, err := os.ReadFile(message)
			if err != nil {
				t.Fatal(err)
			}
			if after, err := os.Stat(message); err != nil || !os.SameFile(before, after) {
				t.Errorf("it is another file: %v", err)
			}
			want, err := json.Marshal(test.want)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(string(text), root, "VOLUME"); got != string(want) {
				t.Errorf("got %s, want %s", got, want)
			}
			if is := contents(t, root); !slices.Equal(was, is) {
				t.Errorf("the volume has changed: %q, before: %q", is, was)
			}
		})
	}
}

// TestVerifyIsNotDamage checks that exit code 1 and a summary are the result of
// reading alone: whoever may not read knows nothing.
func TestVerifyIsNotDamage(t *testing.T) {
	root := volume(t)
	segment := filepath.Join(root, "kafka/data/t-0/00000000000000000000.log")
	if err := os.Chmod(segment, 0); err != nil {
		t.Fatal(err)
	}
	var user *syscall.Credential // of others than root's own tests, the usual one
	if os.Getuid() == 0 {
		user = &syscall.Credential{Uid: 65532, Gid: 65532}
		reachable(t, segment)
	}
	message := filepath.Join(t.TempDir(), "termination-log")
	got := runVerify(t, user, "--search", "--summary", message, root)
	if got.code != 2 || !strings.Contains(got.err, segment+": permission denied: user ") || !strings.Contains(got.err, "; it belongs to user ") {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
	if _, err := os.Stat(message); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a summary: %v", err)
	}
	for _, args := range [][]string{{filepath.Join(root, "gone")}, {"--search", "--set-aside", root}, {"--unknown"}} {
		if got := runVerify(t, nil, args...); got.code != 2 {
			t.Errorf("%q: exit code %d: %s", args, got.code, got.err)
		}
	}
}
