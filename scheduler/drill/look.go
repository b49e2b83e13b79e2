package drill

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// view is what is known of a Kafka cluster at one moment.
type view struct {
	backups []snapshots.Backup
	runs    map[string]bool // names of the KafkaBackups whose runs show which volumes there are
	askers  []asker
	reports []v1alpha1.DrillReport

	claims  []claims.Claim
	cluster snapshots.Cluster
	lost    string // name of a volume that has no claim; empty: there is none
}

// look reads the view of a cluster, from a cache or from the apiserver. Without a
// KafkaBackup that asks for drills it is empty.
func (r *Reconciler) look(ctx context.Context, from client.Reader, key types.NamespacedName) (view, error) {
	kafkaBackups, err := r.kafkaBackups(ctx, from, key)
	if err != nil {
		return view{}, err
	}
	seen := view{runs: map[string]bool{}}
	for _, kb := range kafkaBackups {
		seen.add(ctx, kb)
	}
	if len(seen.askers) == 0 {
		return view{}, nil
	}
	pvcs, err := claims.List(ctx, from, key.Namespace)
	if err != nil {
		return view{}, err
	}
	for _, b := range seen.backups {
		seen.claims = append(seen.claims, claims.OfCluster(pvcs, b)...)
	}
	return seen, r.lookAtSnapshots(ctx, from, key, &seen)
}

// add adds a KafkaBackup of the cluster. One with a mistake in its schedule asks for
// nothing: its author is told by the condition BackupsProven.
func (v *view) add(ctx context.Context, kb *v1alpha1.KafkaBackup) {
	b, err := snapshots.NewBackup(kb)
	v.backups = append(v.backups, b)
	v.reports = append(v.reports, kb.Status.Drills...)
	if err != nil || b.Suspended || kb.DeletionTimestamp != nil {
		return
	}
	v.runs[b.Name] = true
	if kb.Spec.Drill == nil {
		return
	}
	times, err := schedule.Parse(kb.Spec.Drill.Schedule, kb.Spec.TimeZone, kb.CreationTimestamp.Time)
	if err != nil {
		log.FromContext(ctx).Info("spec.drill.schedule cannot be read: there are no drills", "kafkabackup", b.Key(), "why", err.Error())
		return
	}
	v.askers = append(v.askers, asker{Backup: b, spec: *kb.Spec.Drill, times: times, created: kb.CreationTimestamp.Time})
}

// asker returns the KafkaBackup that a drill's claim is of, if it still asks for
// drills.
func (v view) asker(pvc *corev1.PersistentVolumeClaim) (asker, bool) {
	i := slices.IndexFunc(v.askers, func(a asker) bool {
		return a.Name == pvc.Annotations[v1alpha1.AnnotationBackupName] && ownedBy(pvc, a.UID)
	})
	if i < 0 {
		return asker{}, false
	}
	return v.askers[i], true
}

// restores reports whether a claim of the cluster is being restored, or about to be. A
// lost one may wait for the room that the claim of a drill takes in a quota.
func (v view) restores() bool { return v.lost != "" || claims.Restoring(v.claims) }

// claimsOf returns the names of the claims that a snapshot's volume has or had.
func (v view) claimsOf(s snapshots.Snapshot) []string {
	names := []string{s.SourcePVC}
	for _, c := range v.claims {
		if c.Volume.Hash() == s.Volume {
			names = append(names, c.PVC.Name)
		}
	}
	return names
}

// lookAtSnapshots adds the snapshots, and the reports on them.
func (r *Reconciler) lookAtSnapshots(ctx context.Context, from client.Reader, key types.NamespacedName, seen *view) error {
	var namespace corev1.Namespace
	if err := from.Get(ctx, types.NamespacedName{Name: key.Namespace}, &namespace); err != nil {
		return fmt.Errorf("read namespace %s: %w", key.Namespace, err)
	}
	all, err := list(ctx, from, key)
	if err != nil {
		return err
	}
	seen.cluster = snapshots.Cluster{Namespace: namespace.Annotations, Backups: seen.backups, Snapshots: map[string][]snapshots.Snapshot{}}
	for _, s := range all {
		seen.cluster.Snapshots[s.Volume] = append(seen.cluster.Snapshots[s.Volume], s)
	}
	seen.reports = snapshots.DrillReports(all, seen.reports, r.Clock.Now())
	seen.lost = lost(all, seen.runs, claims.Volumes(seen.claims), r.Clock.Now())
	return nil
}

// list returns the snapshots of a cluster, the unreadable ones too.
func list(ctx context.Context, from client.Reader, key types.NamespacedName) ([]snapshots.Snapshot, error) {
	var found snapshotv1.VolumeSnapshotList
	of := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelCluster: key.Name}
	if err := from.List(ctx, &found, client.InNamespace(key.Namespace), of); err != nil {
		return nil, fmt.Errorf("list the volumesnapshots of cluster %s: %w", key, err)
	}
	all := make([]snapshots.Snapshot, 0, len(found.Items))
	for i := range found.Items {
		s, err := snapshots.NewSnapshot(&found.Items[i])
		if err == nil || s.Unreadable != "" {
			all = append(all, s)
		}
	}
	return all, nil
}

// drillable returns the volumes that can be drilled: those with a live claim that runs
// include, and a good snapshot. To find the clusters of Strimzi's claims, it asks the
// apiserver.
func (r *Reconciler) drillable(ctx context.Context, seen view) []volume {
	reader := operators.NewReader(r.APIReader, r.Mapper)
	known := map[string]bool{}
	var found []volume
	for _, c := range seen.claims {
		hash := c.Volume.Hash()
		if known[hash] || len(seen.cluster.Snapshots[hash]) == 0 {
			continue
		}
		known[hash] = true
		if err := reader.Complete(ctx, &c.Volume, c.PVC); err != nil {
			log.FromContext(ctx).Error(err, "cannot tell the cluster of a claim", "namespace", c.PVC.Namespace, "claim", c.PVC.Name)
		}
		good, ok := seen.cluster.Good(c.Volume, c.PVC.Annotations)
		excluded := !slices.ContainsFunc(seen.cluster.Backups, func(b snapshots.Backup) bool { return !b.Excludes(good.Role) })
		if ok && !excluded && snapshots.CanDrill(good.Role, good.VolumeMode) {
			found = append(found, volume{slot: c.Volume.Slot, good: good})
		}
	}
	return found
}

// kafkaBackups lists the KafkaBackups of a cluster, of both forms, by name. One in a
// ConfigMap whose text has a mistake asks for no drills.
func (r *Reconciler) kafkaBackups(ctx context.Context, from client.Reader, key types.NamespacedName) ([]*v1alpha1.KafkaBackup, error) {
	var objects, held []*v1alpha1.KafkaBackup
	if !r.onlyConfigMaps {
		var found v1alpha1.KafkaBackupList
		if err := from.List(ctx, &found, client.InNamespace(key.Namespace)); err != nil {
			return nil, fmt.Errorf("list the kafkabackups of namespace %s: %w", key.Namespace, err)
		}
		for i := range found.Items {
			objects = append(objects, &found.Items[i])
		}
	}
	var configMaps corev1.ConfigMapList
	if err := from.List(ctx, &configMaps, client.InNamespace(key.Namespace), client.MatchingLabels{v1alpha1.LabelConfigMap: v1alpha1.ValueTrue}); err != nil {
		return nil, fmt.Errorf("list the configmaps of namespace %s that hold a kafkabackup: %w", key.Namespace, err)
	}
	for i := range configMaps.Items {
		if snapshots.LabelValue(snapshots.UncheckedBackup(&configMaps.Items[i]).Cluster) != key.Name { // cheaper than to check it
			continue
		}
		kb, mistake := snapshots.KafkaBackupOfConfigMap(&configMaps.Items[i])
		if mistake != nil {
			kb.Spec.Drill = nil
		}
		held = append(held, kb)
	}
	all := snapshots.Together(objects, held, func(kb *v1alpha1.KafkaBackup) types.NamespacedName { return client.ObjectKeyFromObject(kb) })
	all = slices.DeleteFunc(all, func(kb *v1alpha1.KafkaBackup) bool { return snapshots.LabelValue(kb.Spec.ClusterRef) != key.Name })
	slices.SortFunc(all, func(a, b *v1alpha1.KafkaBackup) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}
