package scheduler

import (
	"context"
	"fmt"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// findSpoilt names the KafkaBackup's snapshots that cannot be read, since somebody
// changed their labels or annotations. They are neither restored from nor
// pruned, and a claim whose volume has no other snapshot is refused.
func findSpoilt(ctx context.Context, e *examination) ([]string, error) {
	var list snapshotv1.VolumeSnapshotList
	if err := e.Client.List(ctx, &list, client.InNamespace(e.kb.Namespace), client.MatchingFields{byBackup: e.kb.Name}); err != nil {
		return nil, fmt.Errorf("list the volumesnapshots of kafkabackup %s/%s: %w", e.kb.Namespace, e.kb.Name, err)
	}
	var spoilt []string
	for i := range list.Items {
		if s, err := e.parsed.read(&list.Items[i]); err != nil && !s.Deleting {
			spoilt = append(spoilt, s.Name)
		}
	}
	slices.Sort(spoilt)
	return spoilt, nil
}
