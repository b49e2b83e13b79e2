package main

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// unlimited lets the storage take as many snapshots at once as there are: those of the
// benchmark are never cut.
func unlimited(ctx context.Context, c client.Client) error {
	class := &snapshotv1.VolumeSnapshotClass{}
	class.Name = cluster.SnapshotClass
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"100000"}}}`, v1alpha1.AnnotationMaxInFlight))
	if err := c.Patch(ctx, class, patch); err != nil {
		return fmt.Errorf("annotate the snapshot class: %w", err)
	}
	return nil
}
