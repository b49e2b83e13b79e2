package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/snapshots"
)

// Load reads the inventory of a namespace; of all if it is empty. Claims in no
// operator's dialect are recognised by the volumeSelectors of the KafkaBackups.
func Load(ctx context.Context, c client.Client, namespace string) (*Inventory, error) {
	i := &Inventory{namespaces: map[string]corev1.Namespace{}, drivers: map[string]string{}}
	for _, load := range []func(context.Context, client.Client, string) error{i.loadNamespaces, i.loadClasses, i.loadTemplates, i.loadBackups, i.loadVolumes} {
		if err := load(ctx, c, namespace); err != nil {
			return nil, err
		}
	}
	return i, nil
}

func (i *Inventory) loadNamespaces(ctx context.Context, c client.Client, namespace string) error {
	if namespace != "" {
		var ns corev1.Namespace
		err := c.Get(ctx, client.ObjectKey{Name: namespace}, &ns)
		if apierrors.IsForbidden(err) { // as a tenant often may not
			i.Notes = append(i.Notes, "you may not read namespace "+namespace+": whether it is opted in is not known")
			return nil
		}
		if err != nil {
			return fmt.Errorf("read namespace %s: %w", namespace, err)
		}
		i.namespaces[ns.Name] = ns
		return nil
	}
	var list corev1.NamespaceList
	if err := c.List(ctx, &list); err != nil {
		return fmt.Errorf("list the namespaces: %w", err)
	}
	for _, ns := range list.Items {
		i.namespaces[ns.Name] = ns
	}
	return nil
}

// loadClasses reads the StorageClasses, to detect a driver that does not match. A
// user who may not list them does without.
func (i *Inventory) loadClasses(ctx context.Context, c client.Client, _ string) error {
	var list storagev1.StorageClassList
	err := c.List(ctx, &list)
	if apierrors.IsForbidden(err) {
		i.Notes = append(i.Notes, "you may not list the storageclasses: whether snapshots are of the driver of a claim is not known")
	} else if err != nil {
		return fmt.Errorf("list the storageclasses: %w", err)
	}
	for _, class := range list.Items {
		i.drivers[class.Name] = class.Provisioner
	}
	return nil
}

// loadTemplates reads the StatefulSets, to detect claims that would be created
// again too small. For a user who may not list them, claims are assumed to be
// created again as they are.
func (i *Inventory) loadTemplates(ctx context.Context, c client.Client, namespace string) error {
	var list appsv1.StatefulSetList
	err := c.List(ctx, &list, client.InNamespace(namespace))
	if apierrors.IsForbidden(err) {
		i.Notes = append(i.Notes, "you may not list the statefulsets: whether claims are created again too small for their snapshots is not known")
	} else if err != nil {
		return fmt.Errorf("list the statefulsets: %w", err)
	}
	i.templates = snapshots.NewTemplates(list.Items)
	return nil
}

func (i *Inventory) loadBackups(ctx context.Context, c client.Client, namespace string) error {
	var configMaps corev1.ConfigMapList
	if err := c.List(ctx, &configMaps, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelConfigMap: v1alpha1.ValueTrue}); err != nil {
		return fmt.Errorf("list the configmaps that hold a kafkabackup: %w", err)
	}
	var kafkaBackups v1alpha1.KafkaBackupList
	err := c.List(ctx, &kafkaBackups, client.InNamespace(namespace))
	if err != nil && !(meta.IsNoMatchError(err) && len(configMaps.Items) > 0) { // ConfigMaps work without the CRD
		return fmt.Errorf("list the kafkabackups: %w", err)
	}
	taken := map[client.ObjectKey]bool{}
	for n := range kafkaBackups.Items {
		kb := &kafkaBackups.Items[n]
		parsed, mistake := snapshots.NewBackup(kb)
		i.Backups = append(i.Backups, Backup{kb, parsed, mistake})
		taken[client.ObjectKeyFromObject(kb)] = true
	}
	for n := range configMaps.Items {
		kb, mistake := snapshots.KafkaBackupOfConfigMap(&configMaps.Items[n])
		if taken[client.ObjectKeyFromObject(kb)] { // a KafkaBackup of this name has priority
			continue
		}
		parsed, err := snapshots.NewBackup(kb)
		i.Backups = append(i.Backups, Backup{kb, parsed, cmp.Or(mistake, err)})
	}
	slices.SortFunc(i.Backups, func(a, b Backup) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return nil
}

// parsed returns the KafkaBackups of a namespace.
func (i *Inventory) parsed(namespace string) (backups []snapshots.Backup) {
	for _, b := range i.Backups {
		if b.Namespace == namespace {
			backups = append(backups, b.Parsed)
		}
	}
	return backups
}

func (i *Inventory) loadVolumes(ctx context.Context, c client.Client, namespace string) error {
	var pvcs corev1.PersistentVolumeClaimList
	if err := c.List(ctx, &pvcs, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list the claims: %w", err)
	}
	var objects snapshotv1.VolumeSnapshotList
	if err := c.List(ctx, &objects, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list the volumesnapshots: %w", err)
	}
	found := map[string]*Volume{}
	reader := operators.NewReader(c, c.RESTMapper())
	for n := range pvcs.Items {
		pvc := &pvcs.Items[n]
		v, ok := snapshots.Identify(pvc.Namespace, pvc, i.parsed(pvc.Namespace))
		if !ok {
			continue
		}
		if err := reader.Complete(ctx, &v, pvc); err != nil && !apierrors.IsForbidden(err) { // the role stays a guess
			return err
		}
		if v = v.Hashed(); found[v.Hash()] == nil {
			found[v.Hash()] = &Volume{Volume: v, Objects: map[string]*snapshotv1.VolumeSnapshot{}}
		}
		found[v.Hash()].Claims = append(found[v.Hash()].Claims, pvc)
	}
	for n := range objects.Items {
		i.addSnapshot(found, &objects.Items[n])
	}
	if err := remember(ctx, reader, found); err != nil {
		return err
	}
	for _, v := range found {
		slices.SortFunc(v.Snapshots, func(a, b snapshots.Snapshot) int {
			return cmp.Or(b.Scheduled.Compare(a.Scheduled), cmp.Compare(b.Name, a.Name))
		})
		i.Volumes = append(i.Volumes, *v)
	}
	slices.SortFunc(i.Volumes, func(a, b Volume) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Slot, b.Slot))
	})
	return nil
}

// remember asks the operators about the volumes without a claim, and notes
// whether they were lost or removed.
func remember(ctx context.Context, reader *operators.Reader, found map[string]*Volume) error {
	for _, v := range found {
		if len(v.Claims) > 0 || len(v.Snapshots) == 0 {
			continue
		}
		like := &corev1.PersistentVolumeClaim{}
		like.Labels = v.Objects[v.Snapshots[0].Name].Labels // those that the volume's claims are known by
		err := reader.Complete(ctx, &v.Volume, like)
		if err == nil {
			err = reader.Remember(ctx, &v.Volume)
		}
		if err != nil && !apierrors.IsForbidden(err) { // it stays unknown
			return err
		}
	}
	return nil
}

// addSnapshot adds a snapshot to its volume. It leaves out snapshots that Snapback
// did not make, except those that a claim may adopt.
func (i *Inventory) addSnapshot(found map[string]*Volume, vs *snapshotv1.VolumeSnapshot) {
	s, err := snapshots.NewSnapshot(vs)
	if err != nil && s.Unreadable == "" {
		for _, v := range found {
			if claim := v.Claim(); claim != nil && v.Namespace == vs.Namespace {
				if s, ok := snapshots.Adopted(vs, v.Volume, claim); ok {
					v.Snapshots = append(v.Snapshots, s)
					v.Objects[s.Name] = vs
				}
			}
		}
		return
	}
	v := found[s.Volume]
	if v == nil {
		of, ok := snapshots.VolumeOf(vs.Namespace, s)
		if !ok { // its metadata was changed: no claim will get it
			return
		}
		v = &Volume{Volume: of.Hashed(), Objects: map[string]*snapshotv1.VolumeSnapshot{}}
		found[s.Volume] = v
	}
	v.Snapshots = append(v.Snapshots, s)
	v.Objects[s.Name] = vs
}
