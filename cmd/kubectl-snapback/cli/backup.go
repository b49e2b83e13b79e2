package cli

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// backup connects and reads the KafkaBackup of this name.
func (o *options) backup(ctx context.Context, name string) (*session, inventory.Backup, error) {
	s, err := o.connect(nil)
	if err != nil {
		return nil, inventory.Backup{}, err
	}
	i, err := inventory.LoadBackups(ctx, s, s.namespace)
	if err != nil {
		return nil, inventory.Backup{}, err
	}
	b, err := i.Backup(s.namespace, name)
	return s, b, err
}

// objectOf returns an object with only the identity of a KafkaBackup, to write it.
func objectOf(b inventory.Backup) client.Object {
	id := metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name, UID: b.UID, ResourceVersion: b.ResourceVersion}
	if snapshots.IsConfigMap(b.KafkaBackup) {
		return &corev1.ConfigMap{ObjectMeta: id}
	}
	return &v1alpha1.KafkaBackup{ObjectMeta: id}
}
