package transfer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Scope is the choice of the snapshots that are exported.
type Scope struct {
	Namespace string // empty: all
	Cluster   string // name of the Kafka cluster; empty: all
	Latest    int    // number of the newest ones of each volume; 0: all
}

// Collect returns the ready snapshots, sorted by namespace and name. It needs only
// the rights to list VolumeSnapshots and to get VolumeSnapshotContents.
func Collect(ctx context.Context, c client.Reader, scope Scope) ([]Snapshot, error) {
	var list snapshotv1.VolumeSnapshotList
	if err := c.List(ctx, &list, client.InNamespace(scope.Namespace), client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}); err != nil {
		return nil, fmt.Errorf("list the volumesnapshots: %w", err)
	}
	chosen, err := choose(list.Items, scope)
	if err != nil {
		return nil, err
	}
	var all []Snapshot
	for _, vs := range chosen {
		name := ptr.Deref(vs.Status.BoundVolumeSnapshotContentName, "")
		var content snapshotv1.VolumeSnapshotContent
		if err := c.Get(ctx, client.ObjectKey{Name: name}, &content); err != nil {
			return nil, fmt.Errorf("read volumesnapshotcontent %q of volumesnapshot %s/%s: %w", name, vs.Namespace, vs.Name, err)
		}
		if s, ok := Export(vs, &content); ok {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Snapshot) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// choose returns the ready snapshots of the scope. If there are none, the error
// says which there are.
func choose(items []snapshotv1.VolumeSnapshot, scope Scope) ([]*snapshotv1.VolumeSnapshot, error) {
	type volume struct{ namespace, hash string }
	byVolume := map[volume][]snapshots.Snapshot{}
	objects := map[string]*snapshotv1.VolumeSnapshot{}
	var clusters []string
	for n := range items {
		vs := &items[n]
		s, err := snapshots.NewSnapshot(vs)
		if err != nil || !Exportable(s) {
			continue
		}
		if _, ok := snapshots.VolumeOf(vs.Namespace, s); !ok { // its metadata was changed: no claim can get it
			continue
		}
		cluster := s.Annotations[v1alpha1.AnnotationClusterName]
		clusters = append(clusters, cluster)
		if scope.Cluster == "" || scope.Cluster == cluster {
			key := volume{vs.Namespace, s.Volume}
			byVolume[key] = append(byVolume[key], s)
			objects[vs.Namespace+"/"+s.Name] = vs
		}
	}
	where := "namespace " + scope.Namespace
	if scope.Namespace == "" {
		where = "the cluster"
	}
	slices.Sort(clusters)
	switch {
	case len(clusters) == 0:
		return nil, fmt.Errorf("%s has no ready snapshot of Snapback's: there is nothing to export", where)
	case len(byVolume) == 0:
		return nil, fmt.Errorf("%s has no ready snapshot of Kafka cluster %q, it has those of: %s", where, scope.Cluster, strings.Join(slices.Compact(clusters), ", "))
	}
	var chosen []*snapshotv1.VolumeSnapshot
	for key, of := range byVolume {
		slices.SortFunc(of, func(a, b snapshots.Snapshot) int {
			return cmp.Or(b.Scheduled.Compare(a.Scheduled), cmp.Compare(b.Name, a.Name))
		})
		if scope.Latest > 0 {
			of = of[:min(scope.Latest, len(of))]
		}
		for _, s := range of {
			chosen = append(chosen, objects[key.namespace+"/"+s.Name])
		}
	}
	return chosen, nil
}
