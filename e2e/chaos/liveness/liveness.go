// Package liveness says what must be so again a minute after the last fault of a
// chaos run, one file for each.
package liveness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// State is what the cluster has, and what runs.
type State struct {
	Now       time.Time
	Quiet     time.Time // when the last fault had ended
	Layout    plan.Layout
	Claims    map[string][]corev1.PersistentVolumeClaim // by the volume's key
	Answers   map[string]record.Admission               // the last about each volume
	Snapshots []snapshotv1.VolumeSnapshot
	Backups   []v1alpha1.KafkaBackup

	Programs  []string                 // that should run
	Children  []string                 // that do
	Processes map[string]world.Process // Snapback's
	Before    map[string]world.Process // likewise, before any fault; nil: it is now
	Kafka     world.KafkaState
}

// Check says what is not so yet.
type Check struct {
	Name string
	Run  func(State) []string
}

var all []Check

func register(c Check) bool { //nolint:unparam // a variable takes it, so that each file registers its own
	all = append(all, c)
	return true
}

// All are the checks by name.
func All() []Check {
	return slices.SortedFunc(slices.Values(all), func(a, b Check) int { return cmp.Compare(a.Name, b.Name) })
}

// Run runs all checks on what the cluster has now. The processes are compared with
// what they took before any fault; nil: that is now.
func Run(ctx context.Context, w *world.World, quiet time.Time, before map[string]world.Process) error {
	s, err := look(ctx, w)
	if err != nil {
		return err
	}
	s.Quiet, s.Before = quiet, before
	var errs []error
	for _, c := range All() {
		for _, what := range c.Run(s) {
			errs = append(errs, fmt.Errorf("%s: %s", c.Name, what))
		}
	}
	return errors.Join(errs...)
}

func look(ctx context.Context, w *world.World) (State, error) {
	s := State{Now: time.Now(), Layout: w.Layout, Claims: map[string][]corev1.PersistentVolumeClaim{}, Answers: map[string]record.Admission{}}
	var claims corev1.PersistentVolumeClaimList
	var snapshots snapshotv1.VolumeSnapshotList
	var backups v1alpha1.KafkaBackupList
	var configMaps corev1.ConfigMapList
	if err := errors.Join(w.Observer.List(ctx, &claims), w.Observer.List(ctx, &snapshots), w.Observer.List(ctx, &backups),
		w.Observer.List(ctx, &configMaps, client.HasLabels{v1alpha1.LabelConfigMap})); err != nil {
		return s, fmt.Errorf("look at the cluster: %w", err)
	}
	s.Snapshots, s.Backups = snapshots.Items, backups.Items
	for i := range configMaps.Items {
		kb, err := inConfigMap(&configMaps.Items[i])
		if err != nil {
			return s, err
		}
		s.Backups = append(s.Backups, kb)
	}
	for i := range claims.Items {
		if v, ok := w.VolumeOf(&claims.Items[i]); ok {
			s.Claims[v.Key] = append(s.Claims[v.Key], claims.Items[i])
		}
	}
	for _, c := range w.Layout.Clusters {
		for _, v := range c.Volumes {
			if a, ok := w.Webhook.Last(v.Namespace, v.Claim); ok {
				s.Answers[v.Key] = a
			}
		}
	}
	s.Programs, s.Children, s.Kafka = append(w.Stage.Programs(), w.Kafka.Programs()...), world.Children(), w.Kafka.State()
	var err error
	s.Processes, err = w.Processes(ctx)
	return s, err
}

// inConfigMap is the KafkaBackup that a ConfigMap holds.
func inConfigMap(cm *corev1.ConfigMap) (v1alpha1.KafkaBackup, error) {
	kb := v1alpha1.KafkaBackup{ObjectMeta: cm.ObjectMeta}
	if err := errors.Join(yaml.Unmarshal([]byte(cm.Data["spec"]), &kb.Spec), yaml.Unmarshal([]byte(cm.Annotations[v1alpha1.AnnotationStatus]), &kb.Status)); err != nil {
		return kb, fmt.Errorf("read ConfigMap %s/%s: %w", cm.Namespace, cm.Name, err)
	}
	return kb, nil
}
