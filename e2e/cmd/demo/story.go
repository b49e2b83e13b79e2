package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/kafka"
)

const (
	topic   = "my-topic"
	records = 2000
	tail    = 500 // records that no snapshot has
)

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// tell is the story. Every claim it makes has been checked when it is printed.
func tell(ctx context.Context) (summary string, err error) {
	kafkas, err := choose(ctx)
	if err != nil {
		return "", err
	}
	say("%s", kafkas.why)
	say("\n1. A Kubernetes cluster: etcd, kube-apiserver, the controllers and the CSI sidecars, as processes.")
	c, err := cluster.Start(ctx, cluster.Options{Snapback: true})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	op, err := newOperator(ctx, c, kafkas)
	if err != nil {
		return "", err
	}
	defer op.stop()
	say("   Snapback's webhook and scheduler run beside it, with the rights of the shipped ServiceAccount.")

	say("\n2. A Kafka cluster of three brokers, each with a volume of its own, made as Koperator makes them.")
	for _, line := range op.about() {
		say("   %s", line)
	}
	if err := op.createCluster(ctx, "kafka", 0, 1, 2); err != nil {
		return "", err
	}
	say("   And a second one, %q, which backs up too but is not opted in to restores: the control.", "control")
	if err := op.createCluster(ctx, "control", 0, 2); err != nil {
		return "", err
	}
	produced := randomRecords(records)
	for _, namespace := range []string{"kafka", "control"} {
		if err := op.createTopic(ctx, namespace, topic, 2); err != nil {
			return "", err
		}
		if err := kafka.Produce(ctx, op.addr(namespace, 2), topic, produced); err != nil {
			return "", err
		}
	}
	say("   %d records are produced to %s, whose only replica is on broker 2, of each.", records, topic)

	if err := backUp(ctx, op); err != nil {
		return "", err
	}
	if op.askable() {
		if err := writeOn(ctx, op); err != nil {
			return "", err
		}
	}
	if err := loseBroker(ctx, op); err != nil {
		return "", err
	}
	return comeBack(ctx, op, produced)
}

// backUp enables backups and waits for two runs of each cluster.
func backUp(ctx context.Context, op *operator) error {
	say("\n3. Backups every ten seconds:")
	create := func(namespace string, restore ...string) error {
		return op.plugin.run(ctx, append([]string{"create", "demo", "-n", namespace, "--cluster", "kafka", "--snapshot-class", cluster.SnapshotClass,
			"--schedule", "@every 10s", "--retention-time", "10m"}, restore...)...)
	}
	optedIn := []string{"--restore", "latest"}
	if op.askable() {
		optedIn = append(optedIn, "--kafka-bootstrap-servers", op.addr("kafka", 0)+","+op.addr("kafka", 2))
	}
	if err := create("kafka", optedIn...); err != nil {
		return err
	}
	if err := create("control"); err != nil {
		return err
	}
	for _, namespace := range []string{"kafka", "control"} {
		if err := op.waitForSnapshots(ctx, namespace, 2, 2); err != nil {
			return err
		}
	}
	list, err := op.snapshotsOf(ctx, "kafka", 2)
	if err != nil {
		return err
	}
	say("   $ kubectl get volumesnapshot -n kafka -l brokerId=2")
	for _, s := range list {
		say("   %s  ready  %s", s.Name, s.RestoreSize())
	}
	return nil
}

// writeOn writes records that no snapshot has, and asks what would be lost.
func writeOn(ctx context.Context, op *operator) error {
	say("\n   Backups pause, and %d more records are produced: no snapshot has these.", tail)
	if err := op.plugin.run(ctx, "suspend", "demo", "-n", "kafka"); err != nil {
		return err
	}
	for _, namespace := range []string{"kafka", "control"} {
		if err := kafka.Produce(ctx, op.addr(namespace, 2), topic, randomRecords(tail)); err != nil {
			return err
		}
	}
	err := op.waitForBackup(ctx, "what would be lost is not known yet", func(kb *v1alpha1.KafkaBackup) bool {
		return kb.Status.Kafka != nil && len(kb.Status.Kafka.AtRisk) > 0 && kb.Status.Kafka.AtRisk[0].Records == tail
	})
	if err != nil {
		return err
	}
	return op.plugin.run(ctx, "status", "kafka", "-n", "kafka")
}

// tellReport waits until Kafka has the restored broker in sync, and prints what is
// gone.
func tellReport(ctx context.Context, op *operator) error {
	say("   Kafka is asked what came back, and what is gone:")
	err := op.waitForBackup(ctx, "there is no report of the restore yet", func(kb *v1alpha1.KafkaBackup) bool {
		restores := kb.Status.Restores
		return len(restores) > 0 && restores[0].Kafka != nil && restores[0].Kafka.ReportedTime != nil
	})
	if err != nil {
		return err
	}
	return op.plugin.run(ctx, "after", "kafka", "-n", "kafka", "--broker", "2")
}

// loseBroker kills broker 2 of both clusters and deletes their claims.
func loseBroker(ctx context.Context, op *operator) error {
	say("\n4. Broker 2 is lost: it is killed, and its claim is deleted, and its volume with it.")
	for _, namespace := range []string{"kafka", "control"} {
		addr := op.addr(namespace, 2)
		claim, err := op.loseBroker(ctx, namespace, 2)
		if err != nil {
			return err
		}
		say("   $ kubectl delete pvc -n %s %s", namespace, claim)
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err = kafka.Consume(short, addr, topic)
		cancel()
		if err == nil {
			return fmt.Errorf("topic %s of %s can be read although its only broker is gone", topic, namespace)
		}
	}
	say("   %s is unavailable: its leader is gone, there is no other replica.", topic)
	return op.plugin.run(ctx, "status", "kafka", "-n", "kafka")
}

// comeBack lets the operator create the claims again, and compares what the
// brokers hold then.
func comeBack(ctx context.Context, op *operator, produced [][]byte) (string, error) {
	say("\n5. The operator finds broker 2 missing and creates its claim again. It asks for no restore.")
	start := time.Now()
	restored, err := op.createBroker(ctx, "kafka", 2)
	if err != nil {
		return "", err
	}
	source := restored.Annotations[v1alpha1.AnnotationRestoredFrom]
	if source == "" {
		return "", fmt.Errorf("claim %s was not restored: Snapback has left no %s on it", restored.Name, v1alpha1.AnnotationRestoredFrom)
	}
	say("   claim %s has a new name, and as its dataSource", restored.Name)
	say("   VolumeSnapshot %s", source)
	got, err := op.consume(ctx, "kafka", topic, 2)
	if err != nil {
		return "", err
	}
	took := time.Since(start)
	same, err := compare(produced, got)
	if err != nil {
		return "", err
	}
	say("   %d of %d records of %s that the snapshots had are read back, equal byte for byte.", same, len(produced), topic)
	if op.askable() {
		if err := tellReport(ctx, op); err != nil {
			return "", err
		}
	}

	control, err := op.createBroker(ctx, "control", 2)
	if err != nil {
		return "", err
	}
	got, err = op.consume(ctx, "control", topic, 2)
	if err != nil {
		return "", err
	}
	if len(got) != 0 || control.Spec.DataSource != nil {
		return "", fmt.Errorf("the control was not opted in, yet its broker came back with %d records", len(got))
	}
	lost := len(produced)
	if op.askable() {
		lost += tail
	}
	say("   The control's broker 2 came back empty: all %d records are lost, and nothing but its users will say so.\n", lost)
	return fmt.Sprintf("broker 2 restored from %s in %.1f s, %d/%d records read back", source, took.Seconds(), same, len(produced)), nil
}

// compare returns how many records are the same, and an error unless all are.
func compare(want, got [][]byte) (int, error) {
	same := 0
	for i := range min(len(want), len(got)) {
		if !bytes.Equal(want[i], got[i]) {
			return same, fmt.Errorf("record %d differs: produced %x, read back %x", i, want[i], got[i])
		}
		same++
	}
	if len(got) != len(want) {
		return same, fmt.Errorf("%d records were produced, %d read back", len(want), len(got))
	}
	return same, nil
}

// randomRecords cannot be equal by accident.
func randomRecords(n int) [][]byte {
	made := make([][]byte, n)
	for i := range made {
		made[i] = make([]byte, 64+rand.IntN(192))
		for j := range made[i] {
			made[i][j] = byte(rand.IntN(256))
		}
	}
	return made
}
