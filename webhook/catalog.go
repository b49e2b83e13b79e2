package webhook

import (
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

// Catalog watches the snapshots that Snapback has made, and keeps what decisions read.
type Catalog = watched.Snapshots

// NewCatalog returns a catalog that watches the apiserver once it is started.
func NewCatalog(c client.WithWatch) *Catalog { return watched.NewSnapshots(c, snapshots.Snapshot.Lean) }

// NewStaticCatalog returns a catalog of these snapshots, which watches nothing.
func NewStaticCatalog(all ...*snapshotv1.VolumeSnapshot) *Catalog {
	return watched.NewStaticSnapshots(snapshots.Snapshot.Lean, all...)
}
