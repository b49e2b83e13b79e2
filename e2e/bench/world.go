package main

import (
	"context"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// world is a set of Kafka clusters, every second one of Strimzi, the others of
// Koperator, with a KafkaBackup each. Its objects are numbered.
type world struct {
	name       string // begins the names of all that is in it
	namespaces int    // which the clusters are spread over
	clusters   int
	nodes      int       // volumes of each cluster
	newest     time.Time // scheduled time of the newest snapshots; the older ones are an hour apart
}

func (w world) volumes() int { return w.clusters * w.nodes }

func (w world) shape(i int) shape { return shapes[i%len(shapes)] }

func (w world) cluster(i int) string { return fmt.Sprintf("%s-%d", w.name, i) }

func (w world) namespace(i int) string { return fmt.Sprintf("bench-%s-%d", w.name, i%w.namespaces) }

// claim is what the operator creates for the i-th volume. Those of a cluster do not
// follow each other.
func (w world) claim(i int) *snapshotstest.Claim {
	c := i % w.clusters
	return w.shape(c).make(w.cluster(c), i/w.clusters).In(w.namespace(c)).Class(className)
}

// backup is the KafkaBackup of the i-th cluster: hourly, next due at the given time,
// or suspended without one. Its status is that of one that was looked at.
func (w world) backup(i int, next time.Time) *v1alpha1.KafkaBackup {
	kb := w.builder(i).Annotate(v1alpha1.AnnotationRestore, "latest").Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = next.IsZero() }).Obj()
	kb.CreationTimestamp = metav1.NewTime(w.newest.Add(-200 * 24 * time.Hour))
	if !next.IsZero() {
		kb.CreationTimestamp = metav1.NewTime(next.Add(-200 * 24 * time.Hour)) // what the schedule counts from
		kb.Status.ObservedGeneration = 1
		kb.Status.NextScheduleTime = &metav1.Time{Time: next}
		kb.Status.LastScheduleTime = &metav1.Time{Time: w.newest}
	}
	return kb
}

func (w world) builder(i int) *snapshotstest.Backup {
	return snapshotstest.NewBackup(w.cluster(i), w.cluster(i), cluster.SnapshotClass).In(w.namespace(i))
}

// snapshot is the i-th snapshot: those of all volumes at one time follow each other.
func (w world) snapshot(i int) *snapshotv1.VolumeSnapshot {
	volume, run := i%w.volumes(), i/w.volumes()
	at := w.newest.Add(-time.Duration(run) * time.Hour)
	vs := snapshotstest.NewSnapshot(w.named(volume), w.builder(volume%w.clusters), cluster.DriverName, at).Ready().
		Annotate(v1alpha1.AnnotationSourcePVCUID, string(w.uid(volume))).Lineage(string(w.uid(volume)), true).Obj()
	vs.UID, vs.CreationTimestamp = "", metav1.NewTime(at)
	return vs
}

// named is the i-th claim with the name that the apiserver gives it.
func (w world) named(i int) *snapshotstest.Claim {
	claim := w.claim(i)
	if o := claim.Obj(); o.Name == "" {
		claim.Named(o.GenerateName + "abcde")
	}
	return claim
}

func (w world) uid(i int) types.UID { return types.UID(fmt.Sprintf("uid-%s-%d", w.name, i)) }

// bound is the i-th claim bound to its volume, as both are in a cluster at rest.
func (w world) bound(i int) (*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {
	claim := w.named(i).Obj()
	claim.UID = w.uid(i)
	return bind(claim, "pvc-"+string(claim.UID), w.newest.Add(-100*24*time.Hour))
}

// begin creates the namespaces and, of each Strimzi cluster, its resources.
func (w world) begin(ctx context.Context, c client.Client, s store, labels map[string]string) error {
	for i := range w.namespaces {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace(i), Labels: labels}}
		if err := c.Create(ctx, ns); err != nil {
			return fmt.Errorf("create namespace %s: %w", ns.Name, err)
		}
	}
	for i := range w.clusters {
		if w.shape(i).name != "strimzi" {
			continue
		}
		for _, o := range strimziResources(w.namespace(i), w.cluster(i), poolOf(w.cluster(i))) {
			if err := s.put(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// back stores the KafkaBackups and the snapshots.
func (w world) back(ctx context.Context, s store, snapshots int, next time.Time) error {
	start, s := time.Now(), s.unwatched()
	if err := s.fill(ctx, w.clusters, func(i int) client.Object { return w.backup(i, next) }); err != nil {
		return err
	}
	if err := s.fill(ctx, snapshots, func(i int) client.Object { return w.snapshot(i) }); err != nil {
		return err
	}
	progress("%d KafkaBackups and %d snapshots are stored after %s", w.clusters, snapshots, time.Since(start).Round(time.Second))
	return nil
}

// bind stores all claims, bound to their volumes.
func (w world) bind(ctx context.Context, s store) error {
	s = s.unwatched()
	err := s.fill(ctx, w.volumes(), func(i int) client.Object { _, pv := w.bound(i); return pv })
	if err != nil {
		return err
	}
	return s.fill(ctx, w.volumes(), func(i int) client.Object { pvc, _ := w.bound(i); return pvc })
}

// bind binds a claim that was created then to a volume of this name, which it returns too.
func bind(claim *corev1.PersistentVolumeClaim, volume string, created time.Time) (*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {
	claim.CreationTimestamp = metav1.NewTime(created)
	claim.Finalizers = []string{"kubernetes.io/pvc-protection"}
	claim.Annotations["pv.kubernetes.io/bind-completed"] = "yes"
	claim.Spec.VolumeName = volume
	claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, AccessModes: claim.Spec.AccessModes, Capacity: claim.Spec.Resources.Requests}
	pv := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: claim.Spec.VolumeName, Finalizers: []string{"kubernetes.io/pv-protection"}, CreationTimestamp: claim.CreationTimestamp,
			Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": cluster.DriverName}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: claim.Spec.Resources.Requests, AccessModes: claim.Spec.AccessModes, StorageClassName: className,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain, VolumeMode: claim.Spec.VolumeMode,
			ClaimRef: &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				CSI: &corev1.CSIPersistentVolumeSource{Driver: cluster.DriverName, VolumeHandle: "handle-of-" + claim.Name},
			},
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound},
	}
	return claim, pv
}

// waitingClass is a StorageClass whose claims wait for a consumer: nothing is provisioned.
func waitingClass() *storagev1.StorageClass {
	return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: className}, Provisioner: cluster.DriverName,
		VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer)}
}
