package scheduler

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// A KafkaBackup is an object of that kind, or a ConfigMap that holds one. Both
// are known by namespace and name. Where both exist with one name, the object
// of kind KafkaBackup counts.

// read reads a KafkaBackup of either form from the cache. The mistake is one in
// the text of a ConfigMap, which no apiserver validates.
func (r *Reconciler) read(ctx context.Context, key types.NamespacedName) (kb *v1alpha1.KafkaBackup, mistake *specError, err error) {
	if !r.kinds.onlyConfigMaps() {
		kb = &v1alpha1.KafkaBackup{}
		if err := r.Client.Get(ctx, key, kb); !apierrors.IsNotFound(err) {
			return kb, nil, err
		}
	}
	held, err := r.held(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	if held.mistake != nil {
		mistake = &specError{v1alpha1.ReasonInvalidSpec, held.mistake}
	}
	return held.kafkaBackup.DeepCopy(), mistake, nil
}

// backups lists the KafkaBackups of both forms from the cache. An empty
// namespace means all namespaces. Their specs may have mistakes.
func (r *Reconciler) backups(ctx context.Context, namespace string) ([]snapshots.Backup, error) {
	kafkaBackups, configMaps, err := r.lists(ctx, namespace, client.UnsafeDisableDeepCopy)
	var objects, held []snapshots.Backup
	for i := range kafkaBackups {
		b, _ := snapshots.NewBackup(&kafkaBackups[i])
		objects = append(objects, b)
	}
	for _, h := range configMaps {
		held = append(held, h.backup)
	}
	return snapshots.Together(objects, held, snapshots.Backup.Key), err
}

// known lists the KafkaBackups of both forms from the cache, each once, with
// their statuses.
func (r *Reconciler) known(ctx context.Context) ([]*v1alpha1.KafkaBackup, error) {
	kafkaBackups, configMaps, err := r.lists(ctx, "")
	if err != nil {
		return nil, err
	}
	var objects, held []*v1alpha1.KafkaBackup
	for i := range kafkaBackups {
		objects = append(objects, &kafkaBackups[i])
	}
	for _, h := range configMaps {
		held = append(held, h.kafkaBackup)
	}
	return snapshots.Together(objects, held, func(kb *v1alpha1.KafkaBackup) types.NamespacedName { return client.ObjectKeyFromObject(kb) }), nil
}

func (r *Reconciler) lists(ctx context.Context, namespace string, how ...client.ListOption) ([]v1alpha1.KafkaBackup, []heldBackup, error) {
	var kafkaBackups v1alpha1.KafkaBackupList
	if !r.kinds.onlyConfigMaps() {
		if err := r.Client.List(ctx, &kafkaBackups, append(how, client.InNamespace(namespace))...); err != nil {
			return nil, nil, fmt.Errorf("list the kafkabackups of namespace %q: %w", namespace, err)
		}
	}
	var configMaps corev1.ConfigMapList
	// No code here changes a ConfigMap from the cache.
	if err := r.Client.List(ctx, &configMaps, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("list the configmaps of namespace %q that hold a kafkabackup: %w", namespace, err)
	}
	held := make([]heldBackup, len(configMaps.Items))
	for i := range configMaps.Items {
		held[i] = r.configMaps.read(&configMaps.Items[i])
	}
	return kafkaBackups.Items, held, nil
}

// writeStatus writes the status of a KafkaBackup of either form, if it has
// changed, and exports its conditions.
func (r *Reconciler) writeStatus(ctx context.Context, before, kb *v1alpha1.KafkaBackup) error {
	r.figures.observeConditions(kb)
	if equality.Semantic.DeepEqual(before.Status, kb.Status) {
		return nil
	}
	if snapshots.IsConfigMap(kb) {
		return r.annotateStatus(ctx, kb)
	}
	if err := r.Client.Status().Patch(ctx, kb, client.MergeFrom(before)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("write the status of kafkabackup %s: %w", client.ObjectKeyFromObject(kb), err))
	}
	return nil
}

// annotateStatus writes the status into an annotation of the ConfigMap, unless
// the ConfigMap has changed since it was read: then it is reconciled again
// anyway.
func (r *Reconciler) annotateStatus(ctx context.Context, kb *v1alpha1.KafkaBackup) error {
	var cm corev1.ConfigMap
	if err := r.Client.Get(ctx, client.ObjectKeyFromObject(kb), &cm); err != nil {
		return client.IgnoreNotFound(err)
	}
	if cm.UID != kb.UID {
		return nil
	}
	patched, err := snapshots.WithStatus(&cm, kb.Status)
	if err != nil {
		return err
	}
	err = r.Client.Patch(ctx, patched, client.MergeFromWithOptions(&cm, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the status of the kafkabackup in configmap %s: %w", client.ObjectKeyFromObject(kb), err)
	}
	return nil
}

// tellMistake leaves one Event about a mistake in a ConfigMap. The apiserver
// cannot refuse such a ConfigMap, and few people read its annotation.
func (r *Reconciler) tellMistake(before, kb *v1alpha1.KafkaBackup, mistake *specError) {
	if mistake == nil || !snapshots.IsConfigMap(kb) {
		return
	}
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionReady)
	if was == nil || was.Message != mistake.Error() {
		r.Recorder.Eventf(kb, nil, corev1.EventTypeWarning, mistake.reason, actionSchedule, "%s", mistake.Error())
	}
}

// shadow writes on a ConfigMap that a KafkaBackup with the same name replaces
// it.
func (r *Reconciler) shadow(ctx context.Context, key types.NamespacedName) error {
	held, err := r.held(ctx, key)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	before, kb := held.kafkaBackup, held.kafkaBackup.DeepCopy()
	kb.Status = v1alpha1.KafkaBackupStatus{ObservedGeneration: kb.Generation, Conditions: kb.Status.Conditions}
	setReady(kb, metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonShadowed,
		Message: "The namespace has a KafkaBackup with this name, and this ConfigMap is ignored: delete one of the two"})
	kb.Status.Conditions = []metav1.Condition{*meta.FindStatusCondition(kb.Status.Conditions, v1alpha1.ConditionReady)}
	if equality.Semantic.DeepEqual(before.Status, kb.Status) {
		return nil
	}
	r.Recorder.Eventf(kb, nil, corev1.EventTypeWarning, v1alpha1.ReasonShadowed, actionSchedule, "%s", kb.Status.Conditions[0].Message)
	return r.annotateStatus(ctx, kb)
}
