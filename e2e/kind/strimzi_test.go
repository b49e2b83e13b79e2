package kind

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// strimzi is a Kafka cluster of Strimzi's, with a Kafka and a KafkaNodePool for each
// of its pools.
var strimzi = &shape{
	volumes: int32(len(nodes)),
	podName: func(n node) string { return fmt.Sprintf("%s-%s-%d", kafkaName, n.pool, n.id) },
	start: func(ctx context.Context, k *kafkaCluster) error {
		if err := k.createStrimzi(ctx); err != nil {
			return err
		}
		k.operator = &operator{kafkaCluster: k, paused: k.pausedStrimzi, claim: func(n node) *snapshotstest.Claim {
			return snapshotstest.StrimziClaim(kafkaName, n.pool, n.id, 0)
		}}
		k.operator.start(ctx)
		return nil
	},
}

// strimziObject is a resource of Strimzi's.
func strimziObject(kind, namespace, name string, content map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: content}
	o.SetAPIVersion("kafka.strimzi.io/v1")
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// strimziCRD has just enough of a schema.
func strimziCRD(kind, plural string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + ".kafka.strimzi.io"},
		"spec": map[string]any{
			"group": "kafka.strimzi.io", "scope": "Namespaced", "names": map[string]any{"kind": kind, "plural": plural},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}},
		},
	}}
}

// createStrimzi creates the CRDs, which stay for later checks, and the resources of
// the cluster, with what Strimzi's operator writes into their status.
func (k *kafkaCluster) createStrimzi(ctx context.Context) error {
	if err := errors.Join(k.apply(ctx, strimziCRD("Kafka", "kafkas")), k.apply(ctx, strimziCRD("KafkaNodePool", "kafkanodepools"))); err != nil {
		return err
	}
	all := []*unstructured.Unstructured{strimziObject("Kafka", k.namespace, kafkaName, map[string]any{
		"spec": map[string]any{"kafka": map[string]any{"listeners": []any{
			map[string]any{"name": "plain", "port": int64(clientPort), "type": "internal", "tls": false}}}},
		"status": map[string]any{"clusterId": k.id, "listeners": []any{
			map[string]any{"name": "plain", "bootstrapServers": bootstrap(k.namespace)}}},
	})}
	ids := map[string][]any{}
	for _, n := range nodes {
		ids[n.pool] = append(ids[n.pool], int64(n.id))
	}
	for pool, of := range ids {
		all = append(all, strimziObject("KafkaNodePool", k.namespace, pool, map[string]any{
			"spec": map[string]any{"roles": []any{pool}}, "status": map[string]any{"nodeIds": of},
		}))
	}
	return eventually(ctx, func(ctx context.Context) error { // the apiserver does not know new kinds at once
		var errs []error
		for _, o := range all {
			errs = append(errs, k.apply(ctx, o.DeepCopy()))
		}
		return errors.Join(errs...)
	})
}

// pausedStrimzi reports whether somebody has paused the Kafka, and confirms it, as
// Strimzi does.
func (k *kafkaCluster) pausedStrimzi(ctx context.Context) (bool, error) {
	kafka := strimziObject("Kafka", k.namespace, kafkaName, map[string]any{})
	if err := k.Get(ctx, client.ObjectKeyFromObject(kafka), kafka); err != nil {
		return false, fmt.Errorf("read Kafka %s: %w", kafkaName, err)
	}
	paused := kafka.GetAnnotations()["strimzi.io/pause-reconciliation"] == "true"
	_, confirmed, _ := unstructured.NestedSlice(kafka.Object, "status", "conditions")
	if paused == confirmed {
		return paused, nil
	}
	conditions := "null"
	if paused {
		conditions = `[{"type":"ReconciliationPaused","status":"True"}]`
	}
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"status":{"conditions":%s}}`, conditions))
	if err := k.Patch(ctx, kafka, patch); err != nil {
		return paused, fmt.Errorf("write the status of Kafka %s: %w", kafkaName, err)
	}
	return paused, nil
}
