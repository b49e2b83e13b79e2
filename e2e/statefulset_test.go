package e2e

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestStatefulSet loses the pod and the claim of a StatefulSet; its controller
// creates both again, and the volume has its data.
func TestStatefulSet(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	labels := map[string]string{"app": "kafka"}
	template := snapshotstest.PlainClaim("data").Class(cluster.StorageClass).Obj()
	template.Namespace = ""
	create(t, c, &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "kafka"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To(int32(3)), PodManagementPolicy: appsv1.ParallelPodManagement, // no kubelet makes a pod ready
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "kafka", Image: "kafka"}}},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*template},
		},
	})
	lost := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "data-kafka-1"}}
	written := writeLogDir(t, boundDir(t, lost))
	create(t, c, snapshotstest.NewBackup("often", "kafka", cluster.SnapshotClass).In(ns).Schedule("@every 1s").
		Annotate(v1alpha1.AnnotationRestore, "latest").Obj())
	waitForSnapshotOf(t, c, ns, lost.Name)

	if err := c.Get(t.Context(), client.ObjectKeyFromObject(lost), lost); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "kafka-1"}}
	if err := c.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	again := &corev1.PersistentVolumeClaim{}
	eventually(t, func(ctx context.Context) error {
		err := c.Get(ctx, client.ObjectKeyFromObject(lost), again)
		if err == nil && again.UID == lost.UID {
			err = fmt.Errorf("claim %s is still the lost one", lost.Name)
		}
		return err
	})
	if got := checksums(t, boundDir(t, again)); fmt.Sprint(got) != fmt.Sprint(written) {
		t.Errorf("log dir after the restore:\n%v\nbefore:\n%v", got, written)
	}
}
