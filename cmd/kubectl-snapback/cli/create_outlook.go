package cli

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// tellOutlook prints on stderr what a new KafkaBackup will do. What cannot be read
// is only a warning, since the object is created already.
func (o *options) tellOutlook(ctx context.Context, s *session, kb *v1alpha1.KafkaBackup) {
	if kb.Spec.Suspend {
		fmt.Fprintf(o.ErrOut, "It is suspended: it runs once you say \"kubectl snapback resume %s -n %s\"\n", kb.Name, kb.Namespace)
	} else {
		fmt.Fprintln(o.ErrOut, inventory.NextRun(kb, o.now()))
	}
	class := kb.Spec.VolumeSnapshotClassName
	err := s.Get(ctx, client.ObjectKey{Name: class}, &snapshotv1.VolumeSnapshotClass{})
	switch {
	case apierrors.IsNotFound(err):
		fmt.Fprintf(o.ErrOut, "Warning: there is no VolumeSnapshotClass %q: no snapshot is taken until there is. See \"kubectl get volumesnapshotclass\"\n", class)
	case meta.IsNoMatchError(err):
		fmt.Fprintln(o.ErrOut, "Warning:", Message(err)+": no snapshot is taken until they are there")
		return
	}
	i, err := inventory.Load(ctx, s, kb.Namespace)
	if err != nil {
		fmt.Fprintln(o.ErrOut, "Warning: which volumes it is for is not known:", Message(err))
		return
	}
	for _, line := range outlook(i, kb) {
		fmt.Fprintln(o.ErrOut, line)
	}
}

// outlook returns which volumes a new KafkaBackup covers, and whether they would
// be restored.
func outlook(i *inventory.Inventory, kb *v1alpha1.KafkaBackup) (lines []string) {
	var volumes []inventory.Volume
	for _, v := range i.Volumes {
		if v.Namespace == kb.Namespace && v.Cluster == kb.Spec.ClusterRef && len(v.Claims) > 0 {
			volumes = append(volumes, v)
		}
	}
	if len(volumes) == 0 {
		lines = append(lines, fmt.Sprintf("Warning: namespace %s has no claim that Snapback knows as a volume of Kafka cluster %q: nothing is backed up until it has. Check --cluster, or use --volume-selector",
			kb.Namespace, kb.Spec.ClusterRef))
		volumes = []inventory.Volume{{Volume: snapshots.Volume{Namespace: kb.Namespace, Cluster: kb.Spec.ClusterRef}}} // what one would get
	}
	optedIn := 0
	for n := range volumes {
		policy, err := i.Policy(&volumes[n])
		if err != nil {
			return append(lines, fmt.Sprintf("Warning: lost claims are refused: %v", err))
		}
		if policy.OptedIn() {
			optedIn++
		}
	}
	kind := "kbak"
	if of, err := i.Backup(kb.Namespace, kb.Name); err == nil && snapshots.IsConfigMap(of.KafkaBackup) {
		kind = "configmap"
	}
	how := fmt.Sprintf("kubectl annotate %s %s -n %s --overwrite %s=latest", kind, kb.Name, kb.Namespace, v1alpha1.AnnotationRestore)
	switch {
	case optedIn == 0:
		lines = append(lines, "Nothing is restored: no claim is opted in, a lost one starts empty. To opt in: "+how)
	case optedIn < len(volumes):
		lines = append(lines, fmt.Sprintf("Only %d of %d volumes are opted in, the others start empty when they are lost. See %s on the claims", optedIn, len(volumes), v1alpha1.AnnotationRestore))
	}
	return append(lines, i.Notes...)
}
