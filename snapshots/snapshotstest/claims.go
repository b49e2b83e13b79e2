// Package snapshotstest builds the objects that tests are about: claims as
// operators make them, KafkaBackups and VolumeSnapshots.
package snapshotstest

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Namespace is the namespace of every object, unless a builder sets another one.
const Namespace = "kafka"

// Claim builds a PVC.
type Claim struct{ pvc corev1.PersistentVolumeClaim }

func newClaim(name string) *Claim {
	return &Claim{corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: Namespace, Name: name, Labels: map[string]string{}, Annotations: map[string]string{},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			},
			VolumeMode: ptr.To(corev1.PersistentVolumeFilesystem),
		},
	}}
}

// KoperatorClaim returns a claim as Koperator makes it for a broker's log dir,
// with a generated name.
func KoperatorClaim(cluster string, broker int, mountPath string) *Claim {
	c := newClaim("")
	c.pvc.GenerateName = fmt.Sprintf("%s-%d-storage-0-", cluster, broker)
	return c.Label("app", "kafka").Label("kafka_cr", cluster).Label("brokerId", fmt.Sprint(broker)).Annotate("mountPath", mountPath)
}

// StrimziClaim returns a claim as Strimzi makes it for a disk of a node of a pool.
func StrimziClaim(cluster, pool string, node, disk int) *Claim {
	return newClaim(fmt.Sprintf("data-%d-%s-%s-%d", disk, cluster, pool, node)).
		Label("app.kubernetes.io/name", "kafka").Label("app.kubernetes.io/instance", cluster).
		Label("app.kubernetes.io/managed-by", "strimzi-cluster-operator").Label("app.kubernetes.io/part-of", "strimzi-"+cluster).
		Label("strimzi.io/cluster", cluster).Label("strimzi.io/kind", "Kafka").Label("strimzi.io/name", cluster+"-kafka").
		Label("strimzi.io/component-type", "kafka").Label("strimzi.io/pool-name", pool).
		Annotate("strimzi.io/delete-claim", "false")
}

// StatefulSetClaim returns a claim of a StatefulSet whose pods are labelled
// app=kafka.
func StatefulSetClaim(statefulSet string, ordinal int) *Claim {
	return newClaim(fmt.Sprintf("data-%s-%d", statefulSet, ordinal)).Label("app", "kafka")
}

// PlainClaim returns a claim that no dialect knows.
func PlainClaim(name string) *Claim { return newClaim(name) }

// Label sets a label.
func (c *Claim) Label(key, value string) *Claim {
	c.pvc.Labels[key] = value
	return c
}

// Annotate sets an annotation.
func (c *Claim) Annotate(key, value string) *Claim {
	c.pvc.Annotations[key] = value
	return c
}

// Named gives the claim a name of its own instead of a generated one.
func (c *Claim) Named(name string) *Claim {
	c.pvc.Name, c.pvc.GenerateName = name, ""
	return c
}

// In puts the claim into a namespace.
func (c *Claim) In(namespace string) *Claim {
	c.pvc.Namespace = namespace
	return c
}

// Class sets the StorageClass.
func (c *Claim) Class(name string) *Claim {
	c.pvc.Spec.StorageClassName = &name
	return c
}

// Request sets the requested size.
func (c *Claim) Request(quantity string) *Claim {
	c.pvc.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse(quantity)
	return c
}

// From sets a VolumeSnapshot as the source that the creator has chosen.
func (c *Claim) From(snapshot string) *Claim {
	c.pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{
		APIGroup: ptr.To("snapshot.storage.k8s.io"), Kind: "VolumeSnapshot", Name: snapshot,
	}
	return c
}

// Block makes it the claim of a raw block device.
func (c *Claim) Block() *Claim {
	c.pvc.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock)
	return c
}

// Owner sets a resource of an operator as the owner.
func (c *Claim) Owner(kind, uid string) *Claim {
	c.pvc.OwnerReferences = []metav1.OwnerReference{{APIVersion: "kafka.banzaicloud.io/v1beta1", Kind: kind, Name: "kafka", UID: types.UID(uid)}}
	return c
}

// Obj returns a copy of what was built.
func (c *Claim) Obj() *corev1.PersistentVolumeClaim { return c.pvc.DeepCopy() }
