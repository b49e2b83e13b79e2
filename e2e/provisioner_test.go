package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestProvisionerRefuses lets claims through that Snapback would refuse, and
// reads what the provisioner makes of them: each would be Pending for ever.
func TestProvisionerRefuses(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns, snapshot := backedUp(t, c, snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs").Request("2Gi"), "kafka")
	claim := func(name string) *snapshotstest.Claim {
		return snapshotstest.PlainClaim(name).In(ns).Class(cluster.StorageClass).Request("2Gi").From(snapshot)
	}
	foreign := otherDriver(t, c, ns)
	for name, test := range map[string]struct {
		claim *snapshotstest.Claim
		says  string
	}{
		"TooSmall":           {claim("small").Request("1Gi"), "is less than the size"},
		"VolumeModeMismatch": {claim("block").Block(), "modifies the mode of the source volume"},
		"DriverMismatch":     {claim("foreign").From(foreign), "is not handled by CSI driver of StorageClass"},
	} {
		pvc := test.claim.Obj()
		create(t, c, pvc)
		eventually(t, func(ctx context.Context) error {
			var events corev1.EventList
			if err := c.List(ctx, &events, client.InNamespace(ns)); err != nil {
				return err
			}
			var heard []string
			for _, e := range events.Items {
				if e.InvolvedObject.UID == pvc.UID && e.Reason == "ProvisioningFailed" {
					if strings.Contains(e.Message, test.says) {
						return nil
					}
					heard = append(heard, e.Message)
				}
			}
			return fmt.Errorf("%s: the provisioner says %q, %q expected", name, heard, test.says)
		})
	}
}

// otherDriver makes a VolumeSnapshot that is ready by what its status says, of
// a driver that is not there.
func otherDriver(t *testing.T, c client.Client, namespace string) string {
	t.Helper()
	handle, ready, name := "elsewhere", true, "elsewhere-"+namespace
	content := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{
		Driver: "other.example.com", DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain,
		Source:            snapshotv1.VolumeSnapshotContentSource{SnapshotHandle: &handle},
		VolumeSnapshotRef: corev1.ObjectReference{Namespace: namespace, Name: name},
	}}
	content.Name = name
	vs := &snapshotv1.VolumeSnapshot{Spec: snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{VolumeSnapshotContentName: &name}}}
	vs.Namespace, vs.Name = namespace, name
	create(t, c, content)
	create(t, c, vs)
	eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(content), content); err != nil {
			return err
		}
		content.Status = &snapshotv1.VolumeSnapshotContentStatus{SnapshotHandle: &handle, ReadyToUse: &ready}
		if err := c.Status().Update(ctx, content); err != nil {
			return err
		}
		if err := c.Get(ctx, client.ObjectKeyFromObject(vs), vs); err != nil {
			return err
		}
		if vs.Status == nil || vs.Status.ReadyToUse == nil || !*vs.Status.ReadyToUse {
			return fmt.Errorf("%s is not ready", name)
		}
		return nil
	})
	return name
}
