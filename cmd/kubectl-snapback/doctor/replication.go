package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
)

// checkReplication asks the Kafka of each cluster that a KafkaBackup wants asked, or
// of all.
func checkReplication(ctx context.Context, e *examination) ([]Finding, error) {
	if e.ask == nil {
		return nil, nil
	}
	var findings []Finding
	for _, cluster := range e.inventory.Clusters() {
		asks := func(b inventory.Backup) bool {
			return b.Mistake == nil && b.Spec.Kafka != nil && b.Namespace == cluster.Namespace && b.Spec.ClusterRef == cluster.Name
		}
		if !e.askAll && !slices.ContainsFunc(e.inventory.Backups, asks) {
			continue
		}
		of, err := e.inventory.Only(cluster.Namespace, cluster.Name)
		if err != nil {
			return findings, err
		}
		o, err := e.ask(ctx, e.Client, of)
		if err != nil {
			findings = append(findings, skipped(clusterSubject(cluster), "Kafka was not asked from here: %s", oneLine(err.Error())))
			continue
		}
		findings = append(findings, judgeReplication(cluster, o)...)
	}
	return findings, nil
}

// judgeReplication reports topics that a broker takes with it, and whether Kafka
// knows which replicas are complete when none is in sync (KIP-966).
func judgeReplication(cluster inventory.ClusterKey, o *kafka.Observation) []Finding {
	subject := clusterSubject(cluster)
	var single []string
	partitions := 0
	for _, t := range o.Topics {
		n := 0
		for _, p := range t.Partitions {
			if len(p.Replicas) == 1 {
				n++
			}
		}
		if n > 0 {
			single, partitions = append(single, t.Name), partitions+n
		}
	}
	var findings []Finding
	if partitions > 0 {
		findings = append(findings, warning(subject,
			fmt.Sprintf("%d partitions have one replica: with its broker go the records that were written since the newest snapshot, of topics %s", partitions, several(single)),
			"give them more replicas: kafka-reassign-partitions.sh, with a second broker for each partition in its plan"))
	}
	if len(o.Hidden) > 0 {
		findings = append(findings, warning(subject,
			"the user by which Kafka is asked may not describe these topics, so that what they would lose is not known: "+several(o.Hidden),
			"grant it Describe on all topics, see docs/kafka.md"))
	}
	if o.ELRKnown {
		return append(findings, ok(subject, "eligible leader replicas are on (level 1): Kafka elects a peer that stopped cleanly before a broker that came back from a snapshot"))
	}
	return append(findings, ok(subject, "eligible leader replicas are off (level 0): see docs/restoring-kafka.md"))
}
