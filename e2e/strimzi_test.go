package e2e

import (
	"context"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func strimziCRD(t *testing.T, c client.Client, kind, plural string) {
	t.Helper()
	operatorCRD(t, c, "kafka.strimzi.io", "v1", kind, plural)
}

// operatorCRD installs a CRD of an operator's with just enough of a schema,
// unless another test has.
func operatorCRD(t *testing.T, c client.Client, group, version, kind, plural string) {
	t.Helper()
	crd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + "." + group},
		"spec": map[string]any{
			"group": group, "scope": "Namespaced", "names": map[string]any{"kind": kind, "plural": plural},
			"versions": []any{map[string]any{"name": version, "served": true, "storage": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}},
		},
	}}
	if err := c.Create(t.Context(), crd); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatalf("create the CRD of %s: %v", kind, err)
	}
}

func strimziObject(kind, namespace, name string, content map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: content}
	o.SetAPIVersion("kafka.strimzi.io/v1")
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// TestStrimziResources has the roles and the cluster's id where Strimzi keeps
// them: on the KafkaNodePool and the Kafka.
func TestStrimziResources(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	strimziCRD(t, c, "KafkaNodePool", "kafkanodepools")
	strimziCRD(t, c, "Kafka", "kafkas")
	claim := snapshotstest.StrimziClaim("kafka", "dual", 0, 0)
	ns, snapshot := backedUp(t, c, claim, "kafka")
	ask := func() (string, error) {
		pvc := snapshotstest.StrimziClaim("kafka", "dual", 0, 0).In(ns).Class(cluster.StorageClass).Obj()
		err := cluster.Create(t.Context(), c, pvc, patience, client.DryRunAll)
		return dataSource(pvc), err
	}
	if got, err := ask(); err != nil || got != "snapshot.storage.k8s.io VolumeSnapshot "+snapshot {
		t.Fatalf("without a node pool: %q, %v", got, err)
	}
	pool := strimziObject("KafkaNodePool", ns, "dual", map[string]any{"spec": map[string]any{"roles": []any{"controller", "broker"}}})
	eventually(t, func(ctx context.Context) error { return c.Create(ctx, pool.DeepCopy()) })
	// The webhook's cache is some milliseconds behind, and so is what the
	// apiserver says of new kinds.
	eventually(t, func(context.Context) error {
		if got, err := ask(); !apierrors.IsForbidden(err) || !contains(err, "is the volume of a combined") {
			return fmt.Errorf("of a combined node: %q, %w", got, err)
		}
		return nil
	})
	change := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"roles":["broker"]}}`))
	if err := c.Patch(t.Context(), pool.DeepCopy(), change); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error {
		if got, err := ask(); err != nil || got == "" {
			return fmt.Errorf("of a broker: %q, %w", got, err)
		}
		return nil
	})

	// While the pool is away, the snapshot tells what the node was.
	annotateSnapshot(t, c, ns, snapshot, v1alpha1.AnnotationRole, string(snapshots.RoleController))
	if err := c.Delete(t.Context(), pool.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error {
		if got, err := ask(); !apierrors.IsForbidden(err) || !contains(err, "holds votes of the quorum") {
			return fmt.Errorf("of what was a controller: %q, %w", got, err)
		}
		return nil
	})
	annotateSnapshot(t, c, ns, snapshot, v1alpha1.AnnotationRole, string(snapshots.RoleBroker))

	// The snapshot is of a cluster whose id is known; this one has another.
	var vs unstructured.Unstructured
	vs.SetAPIVersion("snapshot.storage.k8s.io/v1")
	vs.SetKind("VolumeSnapshot")
	vs.SetNamespace(ns)
	vs.SetName(snapshot)
	stamp := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"`+v1alpha1.AnnotationKafkaClusterID+`":"first"}}}`))
	if err := c.Patch(t.Context(), &vs, stamp); err != nil {
		t.Fatal(err)
	}
	kafka := strimziObject("Kafka", ns, "kafka", map[string]any{"status": map[string]any{"clusterId": "second"}})
	eventually(t, func(ctx context.Context) error { return c.Create(ctx, kafka.DeepCopy()) })
	eventually(t, func(context.Context) error {
		if got, err := ask(); !apierrors.IsForbidden(err) || !contains(err, "an earlier cluster named kafka") {
			return fmt.Errorf("of another cluster: %q, %w", got, err)
		}
		return nil
	})
}
