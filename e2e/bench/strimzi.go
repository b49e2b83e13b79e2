package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

const strimziGroup, strimziVersion = "kafka.strimzi.io", "v1"

// strimziResources are those that Snapback reads about a claim of Strimzi's.
func strimziResources(namespace, name, pool string) []*unstructured.Unstructured {
	kafka := strimziResource("Kafka", namespace, name)
	kafka.Object["status"] = map[string]any{"clusterId": "bench"}
	nodes := strimziResource("KafkaNodePool", namespace, pool)
	nodes.Object["spec"] = map[string]any{"roles": []any{"broker"}}
	return []*unstructured.Unstructured{kafka, nodes}
}

func strimziResource(kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(strimziGroup + "/" + strimziVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// createStrimziCRDs creates CRDs that take everything, and waits until they are served.
func createStrimziCRDs(ctx context.Context, c client.Client) error {
	for _, kind := range []string{"Kafka", "KafkaNodePool"} {
		if err := c.Create(ctx, strimziCRD(kind)); err != nil {
			return fmt.Errorf("create the CRD of %s: %w", kind, err)
		}
		err := cluster.Eventually(ctx, time.Minute, func(ctx context.Context) error {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(schema.GroupVersionKind{Group: strimziGroup, Version: strimziVersion, Kind: kind + "List"})
			return c.List(ctx, list)
		})
		if err != nil {
			return fmt.Errorf("wait for the CRD of %s: %w", kind, err)
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
