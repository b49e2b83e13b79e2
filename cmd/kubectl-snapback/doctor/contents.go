package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

func checkContents(ctx context.Context, e *examination) ([]Finding, error) {
	var contents snapshotv1.VolumeSnapshotContentList
	if err := e.List(ctx, &contents); err != nil {
		return nil, fmt.Errorf("list the volumesnapshotcontents: %w", err)
	}
	var all snapshotv1.VolumeSnapshotList // no selector: somebody may have changed labels
	if err := e.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("list the volumesnapshots: %w", err)
	}
	there := map[types.UID]bool{}
	for _, vs := range all.Items {
		there[vs.UID] = true
	}
	return judgeContents(contents.Items, there, e.namespace), nil
}

// judgeContents finds VolumeSnapshotContents of Snapback whose VolumeSnapshot is
// gone: their data costs money, but nothing restores from it or prunes it.
func judgeContents(contents []snapshotv1.VolumeSnapshotContent, there map[types.UID]bool, namespace string) []Finding {
	var left []string
	for _, c := range contents {
		ref := c.Spec.VolumeSnapshotRef
		_, turned := c.Annotations[v1alpha1.AnnotationRetained]
		ours := turned || snapshots.IsName(ref.Name)
		if ours && c.DeletionTimestamp == nil && !there[ref.UID] && (namespace == "" || namespace == ref.Namespace) {
			left = append(left, fmt.Sprintf("%s (of %s/%s)", c.Name, ref.Namespace, ref.Name))
		}
	}
	if len(left) == 0 {
		return []Finding{ok("", "all data that Snapback has stored has its VolumeSnapshot")}
	}
	slices.Sort(left)
	return []Finding{warning("", fmt.Sprintf("the VolumeSnapshots of %d VolumeSnapshotContents that Snapback made are gone: %s", len(left), strings.TrimSpace(several(left))),
		"nothing prunes them: to remove the stored data, set spec.deletionPolicy to Delete, then delete the VolumeSnapshotContent; to restore from one, see docs/retention.md")}
}
