package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// The schedules of drills. A check has one after another while it waits for what they
// find, and else none.
const (
	oneAfterAnother = "@every 1s"
	noneSoon        = "@yearly"
)

// drillUntil has drills made until a condition is met, and waits until nothing is left
// of them.
func (k *kafkaCluster) drillUntil(ctx context.Context, condition func(context.Context) error) error {
	if err := k.setSpec(ctx, "drill", `{"schedule":"`+oneAfterAnother+`"}`); err != nil {
		return err
	}
	if err := eventually(ctx, condition); err != nil {
		return err
	}
	if err := k.setSpec(ctx, "drill", `{"schedule":"`+noneSoon+`"}`); err != nil {
		return err
	}
	return eventually(ctx, k.nothingLeft)
}

// snapshotClass changes the class of the snapshots that runs take.
func (k *kafkaCluster) snapshotClass(ctx context.Context, name string) error {
	return k.setSpec(ctx, "volumeSnapshotClassName", `"`+name+`"`)
}

// setSpec sets a field of the KafkaBackup's spec to a JSON value.
func (k *kafkaCluster) setSpec(ctx context.Context, field, value string) error {
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{%q:%s}}`, field, value))
	if err := k.Patch(ctx, k.backup, patch); err != nil {
		return fmt.Errorf("change spec.%s of KafkaBackup %s: %w", field, k.backup.Name, err)
	}
	return nil
}

// nothingLeft is an error while there is a pod, a claim or a volume of a drill.
func (k *kafkaCluster) nothingLeft(ctx context.Context) error {
	var pods corev1.PodList
	var claims corev1.PersistentVolumeClaimList
	var volumes corev1.PersistentVolumeList
	of := []client.ListOption{client.InNamespace(k.namespace), client.HasLabels{v1alpha1.LabelDrill}}
	if err := errors.Join(k.List(ctx, &pods, of...), k.List(ctx, &claims, of...), k.List(ctx, &volumes)); err != nil {
		return fmt.Errorf("list what drills have made: %w", err)
	}
	left := len(pods.Items) + len(claims.Items)
	for _, pv := range volumes.Items {
		if ref := pv.Spec.ClaimRef; ref != nil && ref.Namespace == k.namespace && strings.HasPrefix(ref.Name, "snapback-drill-") {
			left++
		}
	}
	if left > 0 {
		return fmt.Errorf("%d pods, claims and volumes of drills are left", left)
	}
	return nil
}

// verdict returns what a drill has found in a node's snapshot of a run. It is an error
// if it has found nothing yet.
func (k *kafkaCluster) verdict(ctx context.Context, run string, n node) (v1alpha1.DrillReport, error) {
	s, err := k.snapshotOf(ctx, run, n)
	if err != nil {
		return v1alpha1.DrillReport{}, err
	}
	report, ok := s.Verdict()
	if !ok {
		failed, _ := s.FailedDrill()
		return report, fmt.Errorf("VolumeSnapshot %s is not drilled: %s", s.Name, failed.Message)
	}
	return report, nil
}

// snapshotOf returns a node's snapshot of a run.
func (k *kafkaCluster) snapshotOf(ctx context.Context, run string, n node) (snapshots.Snapshot, error) {
	var list snapshotv1.VolumeSnapshotList
	if err := k.List(ctx, &list, client.InNamespace(k.namespace), client.MatchingLabels{v1alpha1.LabelRun: run}); err != nil {
		return snapshots.Snapshot{}, fmt.Errorf("list the snapshots of run %s: %w", run, err)
	}
	for i := range list.Items {
		if s, err := snapshots.NewSnapshot(&list.Items[i]); err == nil && s.Node == k.podName(n) {
			return s, nil
		}
	}
	return snapshots.Snapshot{}, fmt.Errorf("run %s has no snapshot of node %d", run, n.id)
}

// backupsProven waits until the condition BackupsProven has this reason, and these
// texts in its message.
func (k *kafkaCluster) backupsProven(ctx context.Context, reason string, texts ...string) error {
	return eventually(ctx, func(ctx context.Context) error {
		if err := k.Get(ctx, client.ObjectKeyFromObject(k.backup), k.backup); err != nil {
			return err
		}
		c := meta.FindStatusCondition(k.backup.Status.Conditions, v1alpha1.ConditionBackupsProven)
		if c == nil || c.Reason != reason {
			return fmt.Errorf("condition BackupsProven is to be %s: %+v", reason, c)
		}
		return contains(c.Message, texts...)
	})
}

// contains is an error unless a text has all of these parts.
func contains(text string, parts ...string) error {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return fmt.Errorf("%q is not in %q", part, text)
		}
	}
	return nil
}
