package world

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// buildPlugin builds kubectl snapback from the tree, unless there is a binary, and gives
// it a proxy of its own.
func (w *World) buildPlugin(ctx context.Context) error {
	binary := w.plugin[0]
	if binary == "" {
		var err error
		if binary, err = cluster.Build(ctx, ".", "./cmd/kubectl-snapback", "kubectl-snapback"); err != nil {
			return err
		}
	}
	config, err := w.through(Plugin, w.Stage.Config(), w.Stage.Authority(), "")
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(w.Stage.Dir(), Plugin+".kubeconfig")
	w.plugin = []string{binary, "--kubeconfig=" + kubeconfig}
	return cluster.WriteKubeconfig(kubeconfig, config)
}

// Snapback runs kubectl snapback in a namespace. It is interrupted when the context
// ends. The error has the last that it said.
func (w *World) Snapback(ctx context.Context, namespace string, args ...string) error {
	args = append(append(w.plugin[1:len(w.plugin):len(w.plugin)], "--namespace="+namespace), args...)
	cmd := exec.CommandContext(ctx, w.plugin[0], args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		said := strings.TrimSpace(string(out))
		return fmt.Errorf("kubectl snapback %s: %w: %s", args[2], err, said[max(0, len(said)-lastWords):])
	}
	return nil
}

// lastWords is how much of what the plugin says an error has.
const lastWords = 1500
