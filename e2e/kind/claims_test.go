package kind

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// backUp creates a KafkaBackup, and waits for a run of all volumes.
func (w *world) backUp(ctx context.Context, backup *snapshotstest.Backup, volumes int32) error {
	kb := backup.Obj()
	if err := w.Create(ctx, kb); err != nil {
		return fmt.Errorf("create the KafkaBackup: %w", err)
	}
	return w.runUntil(ctx, kb, volumes, func(*v1alpha1.RunStatus) bool { return true })
}

// runUntil asks for a run at once, and waits for one that is accepted and has all
// volumes. It is asked for again where the scheduler had not heard yet that a claim
// is bound.
func (w *world) runUntil(ctx context.Context, kb *v1alpha1.KafkaBackup, volumes int32, accepted func(*v1alpha1.RunStatus) bool) error {
	if err := w.runNow(ctx, kb); err != nil {
		return err
	}
	return eventually(ctx, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(kb), kb); err != nil {
			return err
		}
		last := kb.Status.LastRun
		if last != nil && accepted(last) && last.Ready == volumes {
			return nil
		}
		err := fmt.Errorf("%d ready snapshots are expected of KafkaBackup %s/%s, its last run is %+v", volumes, kb.Namespace, kb.Name, last)
		if last != nil && accepted(last) && last.Skipped > 0 {
			return errors.Join(err, w.runNow(ctx, kb))
		}
		return err
	})
}

// runNow asks for a run, as a person does.
func (w *world) runNow(ctx context.Context, kb *v1alpha1.KafkaBackup) error {
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRunNow, time.Now().UTC().Format(time.RFC3339))
	if err := w.Patch(ctx, kb, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		return fmt.Errorf("ask KafkaBackup %s for a run: %w", kb.Name, err)
	}
	return nil
}

// takeAway deletes the claim of a pod, and the pod, which gets no time to stop.
func (w *world) takeAway(ctx context.Context, pod *corev1.Pod) (*corev1.PersistentVolumeClaim, error) {
	if err := w.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
		return nil, fmt.Errorf("read pod %s: %w", pod.Name, err)
	}
	lost := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace}}
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			lost.Name = v.PersistentVolumeClaim.ClaimName
		}
	}
	if err := w.Get(ctx, client.ObjectKeyFromObject(lost), lost); err != nil {
		return nil, fmt.Errorf("read claim %s: %w", lost.Name, err)
	}
	if err := w.Delete(ctx, lost.DeepCopy()); err != nil {
		return nil, fmt.Errorf("delete claim %s: %w", lost.Name, err)
	}
	if err := w.Delete(ctx, pod, client.GracePeriodSeconds(1)); err != nil { // the least that waits for the kubelet
		return nil, fmt.Errorf("delete pod %s: %w", pod.Name, err)
	}
	return lost, nil
}

// volumeGone waits until the volume of a lost claim is deleted.
func (w *world) volumeGone(ctx context.Context, lost *corev1.PersistentVolumeClaim) error {
	return eventually(ctx, func(ctx context.Context) error {
		err := w.Get(ctx, client.ObjectKey{Name: lost.Spec.VolumeName}, &corev1.PersistentVolume{})
		if err == nil {
			err = fmt.Errorf("the volume of claim %s is still there", lost.Name)
		}
		return client.IgnoreNotFound(err)
	})
}

// restored waits until the pod of a lost broker is back on another claim, and
// is an error unless that one is from a snapshot.
func (w *world) restored(ctx context.Context, pod client.ObjectKey, lost *corev1.PersistentVolumeClaim) error {
	var back corev1.Pod
	var claim corev1.PersistentVolumeClaim
	err := eventually(ctx, func(ctx context.Context) error {
		if err := w.Get(ctx, pod, &back); err != nil {
			return err
		}
		for _, v := range back.Spec.Volumes {
			if v.PersistentVolumeClaim == nil {
				continue
			}
			if err := w.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: v.PersistentVolumeClaim.ClaimName}, &claim); err != nil {
				return err
			}
		}
		if claim.UID == lost.UID || back.Status.Phase != corev1.PodRunning {
			return fmt.Errorf("pod %s is %s on claim %s (UID %s)", pod.Name, back.Status.Phase, claim.Name, claim.UID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if claim.Spec.DataSource == nil || claim.Annotations[v1alpha1.AnnotationRestoredFrom] == "" {
		return fmt.Errorf("claim %s was made without a snapshot", claim.Name)
	}
	return nil
}

// optedIn is a KafkaBackup of a cluster, opted in to restores.
func optedIn(namespace, kafkaCluster string) *snapshotstest.Backup {
	return snapshotstest.NewBackup("backup", kafkaCluster, snapshotClass).In(namespace).Annotate(v1alpha1.AnnotationRestore, "latest")
}
