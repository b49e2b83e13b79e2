package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

const strimziGroup, strimziVersion = "kafka.strimzi.io", "v1"

// strimziResources are those that Snapback reads about a claim of Strimzi's.
func strimziResources() map[string]*unstructured.Unstructured {
	kafka := strimziResource("Kafka", "strimzi")
	kafka.Object["status"] = map[string]any{"clusterId": "bench"}
	pool := strimziResource("KafkaNodePool", "broker")
	pool.Object["spec"] = map[string]any{"roles": []any{"broker"}}
	return map[string]*unstructured.Unstructured{"Kafka": kafka, "KafkaNodePool": pool}
}

func strimziResource(kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(strimziGroup + "/" + strimziVersion)
	o.SetKind(kind)
	o.SetNamespace(ours.namespace)
	o.SetName(name)
	return o
}

// createStrimzi creates them, with CRDs that take everything.
func (b *bench) createStrimzi(ctx context.Context) error {
	for kind, o := range strimziResources() {
		if err := b.client.Create(ctx, strimziCRD(kind)); err != nil {
			return fmt.Errorf("create the CRD of %s: %w", kind, err)
		}
		err := cluster.Eventually(ctx, time.Minute, func(ctx context.Context) error { return b.client.Create(ctx, o.DeepCopy()) })
		if err != nil {
			return fmt.Errorf("create a %s: %w", kind, err)
		}
	}
	return nil
}

func strimziCRD(kind string) *unstructured.Unstructured {
	plural := strings.ToLower(kind) + "s"
	schema := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + "." + strimziGroup},
		"spec": map[string]any{
			"group": strimziGroup, "scope": "Namespaced",
			"names": map[string]any{"kind": kind, "plural": plural},
			"versions": []any{map[string]any{
				"name": strimziVersion, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": schema},
			}},
		},
	}}
}
