package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// checkOutage loses a StatefulSet's broker while no replica of Snapback runs.
func checkOutage(ctx context.Context, w *world) error {
	k := w.kafka
	if err := k.produce(ctx, 100); err != nil {
		return err
	}
	if _, err := k.backUp(ctx); err != nil {
		return err
	}
	if err := w.scaleSnapback(ctx, 0); err != nil {
		return err
	}
	return errors.Join(k.loseWithoutSnapback(ctx, nodes[2]), w.scaleSnapback(context.WithoutCancel(ctx), 2))
}

// loseWithoutSnapback loses a broker, sees its claim refused, and starts
// Snapback again.
func (k *kafkaCluster) loseWithoutSnapback(ctx context.Context, broker node) error {
	lost, err := k.lose(ctx, broker)
	if err != nil {
		return err
	}
	if err := eventually(ctx, func(ctx context.Context) error { return k.refused(ctx, lost[broker]) }); err != nil {
		return err
	}
	if err := k.scaleSnapback(ctx, 2); err != nil {
		return err
	}
	return k.back(ctx, lost)
}

// refused is an error until the StatefulSet has said that its claim is refused,
// and for as long as there is one nevertheless.
func (w *world) refused(ctx context.Context, lost *corev1.PersistentVolumeClaim) error {
	var claim corev1.PersistentVolumeClaim
	err := w.Get(ctx, client.ObjectKeyFromObject(lost), &claim)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil && claim.UID != lost.UID {
		return fmt.Errorf("claim %s was created while Snapback was away, with the dataSource %v", claim.Name, claim.Spec.DataSource)
	}
	var list eventsv1.EventList
	if err := w.List(ctx, &list, client.InNamespace(lost.Namespace)); err != nil {
		return err
	}
	for _, e := range list.Items {
		if e.Regarding.Kind == "StatefulSet" && strings.Contains(e.Note, lost.Name) && strings.Contains(e.Note, "failed calling webhook") {
			return nil
		}
	}
	return fmt.Errorf("no Event of the StatefulSet says that claim %s is refused", lost.Name)
}
