package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// clusterName is that of the kind cluster.
const clusterName = "snapback-e2e"

// kind is a kind cluster.
type kind struct {
	kubeconfig string
	keep       bool
}

// newKind checks that there are an engine and kind, and no cluster of a run
// that goes on elsewhere.
func newKind(ctx context.Context, keep bool) (*kind, error) {
	if _, err := command(ctx, "docker", "info"); err != nil {
		return nil, fmt.Errorf("a Docker engine is needed: %w", err)
	}
	there, err := clusters(ctx)
	if err != nil {
		return nil, fmt.Errorf("kind is needed (go install sigs.k8s.io/kind@v0.33.0): %w", err)
	}
	if !keep && slices.Contains(there, clusterName) {
		return nil, fmt.Errorf("there is a cluster %s: another run uses it, or kind delete cluster --name %s", clusterName, clusterName)
	}
	dir, err := os.MkdirTemp("", "snapback-kind-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the kubeconfig: %w", err)
	}
	return &kind{kubeconfig: filepath.Join(dir, "kubeconfig"), keep: keep}, nil
}

func clusters(ctx context.Context) ([]string, error) {
	out, err := command(ctx, "kind", "get", "clusters", "--quiet")
	return strings.Fields(out), err
}

// create creates the cluster, or takes the one that is there, and gives it the
// images.
func (k *kind) create(ctx context.Context) error {
	there, err := clusters(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(there, clusterName) {
		_, err = command(ctx, "kind", "export", "kubeconfig", "--name", clusterName, "--kubeconfig", k.kubeconfig)
	} else {
		args := []string{"create", "cluster", "--name", clusterName, "--kubeconfig", k.kubeconfig, "--wait", "180s", "--retain"}
		if image := os.Getenv("KIND_IMAGE"); image != "" {
			args = append(args, "--image", image)
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Minute) // with the pull of the node image
		defer cancel()
		_, err = command(ctx, "kind", args...)
	}
	if err != nil {
		return err
	}
	_, err = command(ctx, "kind", append([]string{"load", "docker-image", "--name", clusterName}, images...)...)
	return err
}

// close deletes the cluster.
func (k *kind) close() error {
	if k.keep {
		progress("the cluster %s stays, its kubeconfig is %s", clusterName, k.kubeconfig)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	_, err := command(ctx, "kind", "delete", "cluster", "--name", clusterName, "--kubeconfig", k.kubeconfig)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Dir(k.kubeconfig)); err != nil {
		return fmt.Errorf("remove the kubeconfig: %w", err)
	}
	return nil
}

// repository is the root folder of this repository.
func repository() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// command runs a command in the repository's root and returns what it prints.
func command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = repository()
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
	return string(out), nil
}
