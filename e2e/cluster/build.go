package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// kubernetesVersion is what the apiserver says it is: that of k8s.io/kubernetes
// in components/go.mod.
const kubernetesVersion = "v1.36.3"

// components are the upstream programs, as package and name of the binary.
var components = map[string]string{
	"go.etcd.io/etcd/server/v3":                                                 "etcd",
	"k8s.io/kubernetes/cmd/kube-apiserver":                                      "kube-apiserver",
	"k8s.io/kubernetes/cmd/kube-controller-manager":                             "kube-controller-manager",
	"github.com/kubernetes-csi/external-snapshotter/v8/cmd/snapshot-controller": "snapshot-controller",
	"github.com/kubernetes-csi/external-snapshotter/v8/cmd/csi-snapshotter":     "csi-snapshotter",
	"github.com/kubernetes-csi/external-provisioner/v6/cmd/csi-provisioner":     "csi-provisioner",
}

// snapshotModule has the CRDs of the snapshot API in config/crd.
const snapshotModule = "github.com/kubernetes-csi/external-snapshotter/client/v8"

// repository is the root folder of this repository.
func repository() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// cacheDir is where the components of this version are, or will be.
func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the components, set XDG_CACHE_HOME: %w", err)
	}
	sum := sha256.New()
	io.WriteString(sum, runtime.Version()) //nolint:errcheck // a hash takes everything
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(repository(), "e2e", "components", name))
		if err != nil {
			return "", fmt.Errorf("read what the components are made of: %w", err)
		}
		sum.Write(content)
	}
	return filepath.Join(base, "snapback-e2e", hex.EncodeToString(sum.Sum(nil))[:16]), nil
}

// Components returns the folder of the upstream programs, and of the snapshot
// API's CRDs in crd/. They must have been built.
func Components() (string, error) {
	if err := built(); err != nil {
		return "", err
	}
	return cacheDir()
}

// BuildComponents builds the upstream programs into the cache, unless they are
// there, and tells how far it is on w every few seconds: minutes, the first
// time.
func BuildComponents(ctx context.Context, w io.Writer) error {
	dir, err := cacheDir()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	fmt.Fprintln(w, "Building Kubernetes and the CSI sidecars from source: 5 to 15 minutes, this once.")
	tmp := fmt.Sprintf("%s.%d", dir, os.Getpid())
	defer os.RemoveAll(tmp) //nolint:errcheck // gone after the rename
	if err := os.MkdirAll(filepath.Join(tmp, "crd"), 0o755); err != nil {
		return fmt.Errorf("make the folder of the components: %w", err)
	}
	start := time.Now()
	if err := compile(ctx, tmp, w, start); err != nil {
		return err
	}
	if err := copyCRDs(ctx, filepath.Join(tmp, "crd")); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("keep the components: %w", err)
	}
	fmt.Fprintf(w, "Built in %s, kept in %s.\n", time.Since(start).Round(time.Second), dir)
	return nil
}

// compile builds the components one after another, since they share most of
// their packages.
func compile(ctx context.Context, dir string, w io.Writer, start time.Time) error {
	var packages counter
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(w, "  %s: %d packages compiled\n", time.Since(start).Round(time.Second), packages.lines.Load())
			case <-done:
				return
			}
		}
	}()
	for pkg, name := range components {
		cmd := goCommand(ctx, "e2e/components", "build", "-v",
			"-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion="+kubernetesVersion, "-o", filepath.Join(dir, name), pkg)
		cmd.Stderr = &packages
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, packages.tail())
		}
		fmt.Fprintf(w, "  %s: %s is built\n", time.Since(start).Round(time.Second), name)
	}
	return nil
}

// copyCRDs keeps the snapshot API's CRDs beside the binaries.
func copyCRDs(ctx context.Context, dir string) error {
	out, err := goCommand(ctx, "e2e/components", "list", "-m", "-f", "{{.Dir}}", snapshotModule).Output()
	if err != nil {
		return fmt.Errorf("find the snapshot CRDs: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "config", "crd", "snapshot.storage.k8s.io_*.yaml"))
	if err != nil || len(files) != 3 {
		return fmt.Errorf("find the snapshot CRDs in %s: %d files, 3 expected", out, len(files))
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read the snapshot CRDs: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), content, 0o644); err != nil {
			return fmt.Errorf("keep the snapshot CRDs: %w", err)
		}
	}
	return nil
}

// Build builds a command of this repository into bin/ and returns its path.
// The module is the folder that holds its go.mod.
func Build(ctx context.Context, module, pkg, name string, tags ...string) (string, error) {
	out := filepath.Join(repository(), "bin", name)
	if output, err := goCommand(ctx, module, "build", "-tags", strings.Join(tags, ","), "-o", out, pkg).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, output)
	}
	return out, nil
}

func goCommand(ctx context.Context, module string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(repository(), module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return cmd
}

// counter counts lines and keeps the last of them for an error.
type counter struct {
	lines atomic.Int64
	last  bytes.Buffer
}

func (c *counter) Write(p []byte) (int, error) {
	c.lines.Add(int64(bytes.Count(p, []byte("\n"))))
	return c.last.Write(p)
}

func (c *counter) tail() string {
	lines := strings.Split(strings.TrimSpace(c.last.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
