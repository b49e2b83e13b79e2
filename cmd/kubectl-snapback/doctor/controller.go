package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// boundWithin is how long snapshot-controller may take to create the content
	// of a snapshot. It does so at once when it works.
	boundWithin = 2 * time.Minute
	// cutWithin is how long a driver may take to cut a snapshot.
	cutWithin = 10 * time.Minute
)

// checkSnapshotController checks what snapshot-controller has done, not its pods:
// where it runs, and who may look there, differs from cloud to cloud.
func checkSnapshotController(ctx context.Context, e *examination) ([]Finding, error) {
	var list snapshotv1.VolumeSnapshotList
	if err := e.List(ctx, &list, client.InNamespace(e.namespace)); err != nil {
		return nil, fmt.Errorf("list the volumesnapshots: %w", err)
	}
	return judgeSnapshotController(list.Items, e.now()), nil
}

func judgeSnapshotController(all []snapshotv1.VolumeSnapshot, now time.Time) []Finding {
	var unbound, uncut []string
	bound := 0
	for _, vs := range all {
		status := ptr.Deref(vs.Status, snapshotv1.VolumeSnapshotStatus{})
		name, age := vs.Namespace+"/"+vs.Name, now.Sub(vs.CreationTimestamp.Time)
		switch {
		case vs.DeletionTimestamp != nil:
		case status.BoundVolumeSnapshotContentName == nil && status.Error != nil:
			bound++ // snapshot-controller has seen it
		case status.BoundVolumeSnapshotContentName == nil && age > boundWithin:
			unbound = append(unbound, name)
		case status.BoundVolumeSnapshotContentName != nil:
			bound++
			if status.CreationTime == nil && age > cutWithin {
				uncut = append(uncut, name)
			}
		}
	}
	slices.Sort(unbound)
	slices.Sort(uncut)
	var findings []Finding
	if len(unbound) > 0 {
		findings = append(findings, problem("", "snapshot-controller does not work: these VolumeSnapshots have no content after 2 minutes: "+several(unbound),
			"check that it runs: kubectl get pods -A | grep snapshot-controller, and read its log"))
	}
	if len(uncut) > 0 {
		findings = append(findings, problem("", "the CSI driver does not take snapshots: these VolumeSnapshots are not cut after 10 minutes: "+several(uncut),
			"kubectl describe volumesnapshotcontent says why; read the log of the driver's csi-snapshotter"))
	}
	if len(findings) == 0 && bound == 0 {
		return []Finding{skipped("", "no VolumeSnapshot to judge snapshot-controller by")}
	}
	return unless(findings, ok("", "snapshot-controller and csi-snapshotter work: %d VolumeSnapshots have their content", bound))
}
