// Package inventory reads what Snapback has to do with in a namespace:
// KafkaBackups, and broker volumes with their claims and snapshots.
package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Inventory holds the KafkaBackups and broker volumes of one namespace or of all.
type Inventory struct {
	Backups []Backup // by namespace and name
	Volumes []Volume // by namespace, cluster and slot
	Notes   []string // what could not be read, and so is not known

	namespaces map[string]corev1.Namespace
	drivers    map[string]string // provisioners, by StorageClass
	templates  snapshots.Templates
}

// Backup is a KafkaBackup of either form: see [snapshots.IsConfigMap].
type Backup struct {
	*v1alpha1.KafkaBackup
	Parsed  snapshots.Backup
	Mistake error // what is wrong with its spec; nil: nothing
}

// Kind returns the kind of the object: KafkaBackup or ConfigMap.
func (b Backup) Kind() string {
	if snapshots.IsConfigMap(b.KafkaBackup) {
		return "ConfigMap"
	}
	return "KafkaBackup"
}

// Volume is a broker volume that has a claim, or has had one.
type Volume struct {
	snapshots.Volume
	Claims    []*corev1.PersistentVolumeClaim // none: it is lost; more than one: duplicates
	Snapshots []snapshots.Snapshot            // the newest first
	Objects   map[string]*snapshotv1.VolumeSnapshot

	asked bool // its claim is the one that the caller asks about, not one in the cluster
}

// Claim returns the volume's live claim; nil if it is lost.
func (v *Volume) Claim() *corev1.PersistentVolumeClaim {
	i := slices.IndexFunc(v.Claims, func(c *corev1.PersistentVolumeClaim) bool { return c.DeletionTimestamp == nil })
	if i < 0 {
		return nil
	}
	return v.Claims[i]
}

// ClusterKey names a Kafka cluster.
type ClusterKey struct{ Namespace, Name string }

func (k ClusterKey) String() string { return k.Namespace + "/" + k.Name }

// Clusters returns the clusters that have a volume or a KafkaBackup, sorted.
func (i *Inventory) Clusters() []ClusterKey {
	var all []ClusterKey
	for _, b := range i.Backups {
		all = append(all, ClusterKey{b.Namespace, b.Spec.ClusterRef})
	}
	for _, v := range i.Volumes {
		all = append(all, ClusterKey{v.Namespace, v.Cluster})
	}
	slices.SortFunc(all, func(a, b ClusterKey) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(all)
}

// Only returns the part of the inventory that belongs to one Kafka cluster.
// Without a namespace it may be in any of them. Without a name there must be only
// one. The error lists the clusters.
func (i *Inventory) Only(namespace, name string) (*Inventory, error) {
	all := i.Clusters()
	names := make([]string, len(all))
	for n, k := range all {
		names[n] = k.Name
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("namespace %s has no KafkaBackup and no broker volume that Snapback knows", namespace)
	case name == "" && len(all) > 1:
		return nil, fmt.Errorf("namespace %s has several Kafka clusters, name one: %s", namespace, strings.Join(names, ", "))
	case name == "":
		name = names[0]
	case !slices.Contains(names, name):
		return nil, fmt.Errorf("namespace %s has no Kafka cluster %q, it has: %s", namespace, name, strings.Join(names, ", "))
	}
	return i.Of(ClusterKey{namespace, name}), nil
}

// Of returns the part of the inventory that belongs to one Kafka cluster; without a
// namespace, to those of the name in all of them.
func (i *Inventory) Of(key ClusterKey) *Inventory {
	is := func(namespace, name string) bool {
		return (key.Namespace == "" || namespace == key.Namespace) && name == key.Name
	}
	return i.only(is)
}

// only returns the part of the inventory whose namespace and cluster are wanted.
func (i *Inventory) only(wanted func(namespace, cluster string) bool) *Inventory {
	some := *i
	some.Backups, some.Volumes = nil, nil
	for _, b := range i.Backups {
		if wanted(b.Namespace, b.Spec.ClusterRef) {
			some.Backups = append(some.Backups, b)
		}
	}
	for _, v := range i.Volumes {
		if wanted(v.Namespace, v.Cluster) {
			some.Volumes = append(some.Volumes, v)
		}
	}
	return &some
}

// In returns the part of the inventory that is in a namespace.
func (i *Inventory) In(namespace string) *Inventory {
	return i.only(func(in, _ string) bool { return in == namespace })
}

// Broker returns the volumes of one broker, given by its name, such as
// my-cluster-broker-2, or by its number.
func (i *Inventory) Broker(broker string) ([]Volume, error) {
	var names, matching []string
	for _, v := range i.Volumes {
		names = append(names, v.Node)
		if v.Node == broker || strings.HasSuffix(v.Node, "-"+broker) {
			matching = append(matching, v.Node)
		}
	}
	if slices.Contains(matching, broker) {
		matching = []string{broker}
	}
	slices.Sort(matching)
	switch matching = slices.Compact(matching); len(matching) {
	case 0:
		slices.Sort(names)
		return nil, fmt.Errorf("no broker %q, there are: %s", broker, strings.Join(slices.Compact(names), ", "))
	case 1:
		return slices.DeleteFunc(slices.Clone(i.Volumes), func(v Volume) bool { return v.Node != matching[0] }), nil
	}
	return nil, fmt.Errorf("broker %q is one of several, name one: %s", broker, strings.Join(matching, ", "))
}

// Backup returns the KafkaBackup of this name in a namespace.
func (i *Inventory) Backup(namespace, name string) (Backup, error) {
	var names []string
	for _, b := range i.Backups {
		if b.Namespace != namespace {
			continue
		}
		if b.Name == name {
			return b, nil
		}
		names = append(names, b.Name)
	}
	if len(names) == 0 {
		return Backup{}, fmt.Errorf("namespace %s has no KafkaBackup", namespace)
	}
	return Backup{}, fmt.Errorf("namespace %s has no KafkaBackup %q, it has: %s", namespace, name, strings.Join(names, ", "))
}

// Snapshot returns the snapshot of this name, and its volume.
func (i *Inventory) Snapshot(name string) (*Volume, snapshots.Snapshot, bool) {
	for n := range i.Volumes {
		v := &i.Volumes[n]
		if at := slices.IndexFunc(v.Snapshots, func(s snapshots.Snapshot) bool { return s.Name == name }); at >= 0 {
			return v, v.Snapshots[at], true
		}
	}
	return nil, snapshots.Snapshot{}, false
}
