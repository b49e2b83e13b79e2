package kind

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// checkLostBroker loses one broker of three. It gets from its peers what was
// written after its snapshot, and Snapback says so.
func checkLostBroker(ctx context.Context, w *world) error {
	k := w.kafka
	if err := k.loseAndFind(ctx, 500, nodes[1]); err != nil {
		return err
	}
	return eventually(ctx, func(ctx context.Context) error {
		if err := k.Get(ctx, client.ObjectKeyFromObject(k.backup), k.backup); err != nil {
			return err
		}
		var report *v1alpha1.RestoreReport // of the last restore
		if restores := k.backup.Status.Restores; len(restores) > 0 {
			report = restores[0].Kafka
		}
		if report == nil || report.InSyncTime == nil || ptr.Deref(report.RecordsGone, -1) != 0 {
			return fmt.Errorf("KafkaBackup %s does not say that the broker is in sync and no record gone: %+v", k.backup.Name, report)
		}
		return nil
	})
}

// checkLostBrokers loses all brokers together. Nobody has what was written after
// their snapshots, so nothing is.
func checkLostBrokers(ctx context.Context, w *world) error {
	return w.kafka.loseAndFind(ctx, 0, nodes[0], nodes[1], nodes[2])
}

// checkLostController loses the only controller, and with it the majority of the
// quorum: its claim is refused until a person has said that it is to be restored,
// and has done with the brokers what docs/restoring-kafka.md says.
func checkLostController(ctx context.Context, w *world) error {
	k := w.kafka
	if err := k.produce(ctx, 1000); err != nil {
		return err
	}
	if _, err := k.backUp(ctx); err != nil {
		return err
	}
	if err := k.produceShared(ctx, 500); err != nil {
		return err
	}
	lost, err := k.lose(ctx, controller)
	if err != nil {
		return err
	}
	if err := eventually(ctx, k.quorumRefused); err != nil {
		return err
	}
	for _, n := range nodes[:brokers] {
		if err := k.forgetMetadata(ctx, n); err != nil {
			return err
		}
	}
	if err := k.annotate(ctx, v1alpha1.AnnotationRestoreQuorum, `"true"`); err != nil {
		return err
	}
	if err := k.back(ctx, lost); err != nil {
		return k.explained(err)
	}
	return k.annotate(ctx, v1alpha1.AnnotationRestoreQuorum, "null")
}

// quorumRefused is an error until the controller's claim is refused for what it is.
func (k *kafkaCluster) quorumRefused(context.Context) error {
	if said := k.operator.says(); said == nil || !strings.Contains(said.Error(), "holds votes of the quorum") {
		return fmt.Errorf("the controller's claim is not refused, the operator says: %w", said)
	}
	return nil
}

// forgetMetadata starts a broker again without what it knows from the controller:
// one that knows more than a restored controller ends.
func (k *kafkaCluster) forgetMetadata(ctx context.Context, broker node) error {
	pod := k.pod(broker)
	if err := k.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
		return fmt.Errorf("read pod %s: %w", pod.Name, err)
	}
	if err := k.exec(ctx, k.namespace, pod.Name, "mv", logDir(broker)+"/__cluster_metadata-0", dataDir+"/metadata-before"); err != nil {
		return err
	}
	old := pod.UID
	if err := k.Delete(ctx, pod, client.GracePeriodSeconds(1)); err != nil {
		return fmt.Errorf("delete pod %s: %w", pod.Name, err)
	}
	return eventually(ctx, func(ctx context.Context) error {
		err := k.Get(ctx, client.ObjectKeyFromObject(pod), pod)
		if err == nil && pod.UID == old {
			err = fmt.Errorf("pod %s is still there", pod.Name)
		}
		return err
	})
}

// annotate sets an annotation of the KafkaBackup to a JSON value.
func (k *kafkaCluster) annotate(ctx context.Context, key, value string) error {
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%s}}}`, key, value))
	if err := k.Patch(ctx, k.backup, patch); err != nil {
		return fmt.Errorf("annotate KafkaBackup %s: %w", k.backup.Name, err)
	}
	return nil
}
