package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// plugin is "kubectl snapback", as the story's person types it.
type plugin struct {
	program    string
	kubeconfig string
}

// run tells the command and what it prints.
func (p plugin) run(ctx context.Context, args ...string) error {
	typed := make([]string, len(args))
	for i, a := range args {
		if typed[i] = a; strings.ContainsAny(a, " @") {
			typed[i] = fmt.Sprintf("%q", a)
		}
	}
	say("   $ kubectl snapback %s", strings.Join(typed, " "))
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, p.program, append(args, "--kubeconfig", p.kubeconfig)...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("kubectl snapback %s: %w: %s", args[0], err, strings.TrimSpace(errOut.String()))
	}
	for line := range strings.Lines(out.String()) {
		say("   %s", strings.TrimRight(line, "\n"))
	}
	return nil
}
