package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// must ends the test if there is an error, and saves the state of the cluster
// first.
func (w *world) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(errors.Join(err, w.keepEvidence(t.ArtifactDir())))
	}
}

// keepEvidence writes the cluster's logs, events and objects into a folder.
func (w *world) keepEvidence(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	errs := []error{w.keepLogs(ctx, dir)}
	for name, list := range map[string]client.ObjectList{
		"events":          &eventsv1.EventList{},
		"pods":            &corev1.PodList{},
		"claims":          &corev1.PersistentVolumeClaimList{},
		"volumes":         &corev1.PersistentVolumeList{},
		"volumesnapshots": &snapshotv1.VolumeSnapshotList{},
		"kafkabackups":    &v1alpha1.KafkaBackupList{},
	} {
		if err := w.List(ctx, list); err != nil {
			errs = append(errs, fmt.Errorf("list the %s: %w", name, err))
			continue
		}
		content, err := yaml.Marshal(list)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".yaml"), content, 0o644)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// keepLogs writes the log of every container, and of the one before it.
func (w *world) keepLogs(ctx context.Context, dir string) error {
	var pods corev1.PodList
	if err := w.List(ctx, &pods); err != nil {
		return fmt.Errorf("list the pods: %w", err)
	}
	var errs []error
	for _, p := range pods.Items {
		for _, c := range p.Status.ContainerStatuses {
			for _, previous := range []bool{false, true} {
				if previous && c.RestartCount == 0 {
					continue
				}
				log, err := w.clientset.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: c.Name, Previous: previous}).DoRaw(ctx)
				if err != nil {
					log = []byte(err.Error()) // a container that has not started has none
				}
				name := fmt.Sprintf("%s_%s_%s.log", p.Namespace, p.Name, c.Name)
				if previous {
					name = "previous_" + name
				}
				errs = append(errs, os.WriteFile(filepath.Join(dir, name), log, 0o644))
			}
		}
	}
	return errors.Join(errs...)
}
