package kind

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

//go:embed manifests/storage.yaml
var storageManifest []byte

// The classes of manifests/storage.yaml.
const (
	waitingClass   = "dir"
	immediateClass = "dir-immediate"
	snapshotClass  = "dir-snapshots"
	tornClass      = "dir-snapshots-torn"    // of a write that was under way, which Kafka mends
	damagedClass   = "dir-snapshots-damaged" // with other bytes in the midst of a log
)

// setUp installs the storage, cert-manager and Snapback, and waits for each.
func (w *world) setUp(ctx context.Context) error {
	if err := w.getHelm(ctx); err != nil {
		return err
	}
	if err := w.installStorage(ctx); err != nil {
		return fmt.Errorf("install the storage: %w", err)
	}
	if err := w.installCertManager(ctx); err != nil {
		return fmt.Errorf("install cert-manager: %w", err)
	}
	if err := w.installSnapback(ctx); err != nil {
		return fmt.Errorf("install Snapback: %w", err)
	}
	return nil
}

func (w *world) installStorage(ctx context.Context) error {
	components, err := cluster.Components()
	if err != nil {
		return err
	}
	crds, err := filepath.Glob(filepath.Join(components, "crd", "*.yaml"))
	if err != nil {
		return fmt.Errorf("find the snapshot CRDs: %w", err)
	}
	for _, file := range crds {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read a snapshot CRD: %w", err)
		}
		if err := w.applyYAML(ctx, content); err != nil {
			return err
		}
	}
	err = eventually(ctx, func(ctx context.Context) error { return w.List(ctx, &snapshotv1.VolumeSnapshotClassList{}) })
	if err != nil {
		return fmt.Errorf("wait for the snapshot CRDs: %w", err)
	}
	if err := w.applyYAML(ctx, storageManifest); err != nil {
		return err
	}
	return eventually(ctx, w.storageReady)
}

// storageReady says what the storage still lacks.
func (w *world) storageReady(ctx context.Context) error {
	var nodes storagev1.CSINodeList
	if err := w.List(ctx, &nodes); err != nil {
		return err
	}
	for _, n := range nodes.Items {
		if len(n.Spec.Drivers) == 0 {
			return fmt.Errorf("the CSI driver is not registered on node %s", n.Name)
		}
	}
	return w.rolledOut(ctx, "storage", "snapshot-controller")
}

// rolledOut is an error until all pods of a Deployment are ready and none is of
// an older one.
func (w *world) rolledOut(ctx context.Context, namespace, name string) error {
	var d appsv1.Deployment
	if err := w.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &d); err != nil {
		return err
	}
	s := d.Status
	if s.ObservedGeneration < d.Generation || s.Replicas != *d.Spec.Replicas || s.UpdatedReplicas != s.Replicas || s.ReadyReplicas != s.Replicas {
		return fmt.Errorf("deployment %s has %d of %d replicas ready, %d of them new", name, s.ReadyReplicas, *d.Spec.Replicas, s.UpdatedReplicas)
	}
	return nil
}

func (w *world) applyYAML(ctx context.Context, content []byte) error {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		var o unstructured.Unstructured
		if err := decoder.Decode(&o.Object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("decode a manifest: %w", err)
		}
		if err := w.apply(ctx, &o); err != nil {
			return err
		}
	}
}

func (w *world) apply(ctx context.Context, o *unstructured.Unstructured) error {
	if err := w.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("e2e"), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}
