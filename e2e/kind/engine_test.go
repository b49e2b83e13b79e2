package kind

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// clusterName is that of the kind cluster.
const clusterName = "snapback-e2e"

// kind is a kind cluster.
type kind struct{ kubeconfig string }

// newKind checks that there are an engine and kind, and no cluster of a run
// that goes on elsewhere. The kubeconfig will be in dir.
func newKind(ctx context.Context, dir string, keep bool) (*kind, error) {
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
	return &kind{filepath.Join(dir, "kubeconfig")}, nil
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
	load := images
	if _, err := command(ctx, "docker", "image", "inspect", kafkaImage); err == nil {
		load = append(slices.Clone(load), kafkaImage) // one that the engine does not have is pulled by the node
	}
	_, err = command(ctx, "kind", append([]string{"load", "docker-image", "--name", clusterName}, load...)...)
	return err
}

// close deletes the cluster.
func (k *kind) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	_, err := command(ctx, "kind", "delete", "cluster", "--name", clusterName, "--kubeconfig", k.kubeconfig)
	return err
}

// repository is the root folder of this repository.
const repository = "../.."

// command runs a command in the repository's root and returns what it prints.
func command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = repository
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
	return string(out), nil
}
