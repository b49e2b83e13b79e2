package kind

import (
	"context"
	"fmt"
	"path/filepath"
)

// plugin runs the kubectl plugin on the Kafka cluster, as a person would, and returns
// what it prints.
func (k *kafkaCluster) plugin(ctx context.Context, args ...string) (string, error) {
	program := filepath.Join(k.programs(), "kubectl-snapback")
	if _, err := command(ctx, "go", "build", "-o", program, "./cmd/kubectl-snapback"); err != nil {
		return "", err
	}
	out, err := command(ctx, program, append(args, "--kubeconfig="+k.kubeconfig, "--namespace="+k.namespace)...)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return out, nil
}

// checkRestoreBrokers restores brokers to their newest snapshots, one after another.
// The command ends when Kafka has each in sync, so nothing is waited for after it.
func checkRestoreBrokers(ids ...int) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		k := w.kafka
		if err := k.produce(ctx, 300); err != nil {
			return err
		}
		if _, err := k.backUp(ctx); err != nil {
			return err
		}
		if err := k.produceShared(ctx, 300); err != nil {
			return err
		}
		args := []string{"restore", kafkaName, "--yes"}
		for _, id := range ids { // nobody else has its partition of one topic, of which all is in the snapshot
			args = append(args, fmt.Sprintf("--broker=%d", id), fmt.Sprintf("--accept-loss=%d", id))
		}
		if _, err := k.plugin(ctx, args...); err != nil {
			return k.explained(err)
		}
		return k.whole(ctx)
	}
}

// checkRestoreAll takes all nodes back to one run: what was written after it is
// gone, and what was written before is there.
func checkRestoreAll(ctx context.Context, w *world) error {
	k := w.kafka
	if err := k.produce(ctx, 300); err != nil {
		return err
	}
	run, err := k.backUp(ctx)
	if err != nil {
		return err
	}
	then := k.written
	if err := k.produce(ctx, 300); err != nil {
		return err
	}
	if _, err := k.plugin(ctx, "restore", kafkaName, "--all", "--from-run="+run, "--restore-quorum", "--yes"); err != nil {
		return k.explained(err)
	}
	k.written = then
	if err := k.whole(ctx); err != nil {
		return err
	}
	if err := k.produce(ctx, 100); err != nil {
		return err
	}
	return k.whole(ctx)
}
