package snapshotstest

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Backup builds a KafkaBackup.
type Backup struct{ kb v1alpha1.KafkaBackup }

// NewBackup returns an hourly KafkaBackup of a cluster with the
// VolumeSnapshotClass of that name.
func NewBackup(name, cluster, class string) *Backup {
	return &Backup{v1alpha1.KafkaBackup{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name, Annotations: map[string]string{}},
		Spec: v1alpha1.KafkaBackupSpec{
			ClusterRef: cluster, Schedule: "@every 1h", VolumeSnapshotClassName: class,
		},
	}}
}

// In puts the KafkaBackup into a namespace.
func (b *Backup) In(namespace string) *Backup {
	b.kb.Namespace = namespace
	return b
}

// Schedule sets the schedule.
func (b *Backup) Schedule(spec string) *Backup {
	b.kb.Spec.Schedule = spec
	return b
}

// Annotate sets an annotation.
func (b *Backup) Annotate(key, value string) *Backup {
	b.kb.Annotations[key] = value
	return b
}

// Spec changes the spec in any other way.
func (b *Backup) Spec(change func(*v1alpha1.KafkaBackupSpec)) *Backup {
	change(&b.kb.Spec)
	return b
}

// Obj returns a copy of what was built.
func (b *Backup) Obj() *v1alpha1.KafkaBackup { return b.kb.DeepCopy() }
