package world

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// KafkaBackup is that of a cluster, or the ConfigMap that holds it, without what is in
// it.
func (w *World) KafkaBackup(namespace string) client.Object {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: Backup}
	if c, _ := w.Layout.Cluster(namespace); c.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: meta}
	}
	return &v1alpha1.KafkaBackup{ObjectMeta: meta}
}

// ChangeSpec changes the spec of a cluster's KafkaBackup. It is no error if that is
// gone.
func (w *World) ChangeSpec(ctx context.Context, namespace string, change func(*v1alpha1.KafkaBackupSpec)) error {
	return w.Try(ctx, func(ctx context.Context) error {
		o := w.KafkaBackup(namespace)
		if err := w.People.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return client.IgnoreNotFound(err)
		}
		switch o := o.(type) {
		case *v1alpha1.KafkaBackup:
			change(&o.Spec)
		case *corev1.ConfigMap:
			if err := changeText(o, change); err != nil {
				return err
			}
		}
		return client.IgnoreNotFound(w.People.Update(ctx, o))
	})
}

func changeText(cm *corev1.ConfigMap, change func(*v1alpha1.KafkaBackupSpec)) error {
	var spec v1alpha1.KafkaBackupSpec
	if err := yaml.Unmarshal([]byte(cm.Data["spec"]), &spec); err != nil {
		return fmt.Errorf("read ConfigMap %s/%s: %w", cm.Namespace, cm.Name, err)
	}
	change(&spec)
	text, err := yaml.Marshal(spec)
	if err != nil {
		return fmt.Errorf("write ConfigMap %s/%s: %w", cm.Namespace, cm.Name, err)
	}
	cm.Data["spec"] = string(text)
	return nil
}

// Second is a KafkaBackup of a cluster beside its first, with another schedule and
// retention. It says nothing of restores.
func Second(c plan.Cluster) *v1alpha1.KafkaBackup {
	return snapshotstest.NewBackup("seldom", c.Name, cluster.SnapshotClass).In(c.Namespace).Schedule("@every 17s").
		Spec(func(s *v1alpha1.KafkaBackupSpec) {
			s.RetentionCount, s.RetentionTime, s.PromoteAfter = ptr.To(int32(2)), "", "1m"
		}).Obj()
}
