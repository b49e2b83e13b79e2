package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// check is one thing that Snapback must do.
type check struct {
	name string
	run  func(context.Context, *world) error
}

// checkTimeout bounds one check; half a minute is usual.
const checkTimeout = 10 * time.Minute

// checkAll runs the checks one after another and prints a line for each, then
// the totals.
func (w *world) checkAll(ctx context.Context, o options, start time.Time) error {
	passed, failed := 0, 0
	var errs []error
	for _, c := range checks {
		if !o.only.MatchString(c.name) {
			continue
		}
		began := time.Now()
		checkCtx, cancel := context.WithTimeout(ctx, checkTimeout)
		err := c.run(checkCtx, w)
		cancel()
		took := time.Since(began).Round(time.Second)
		if err == nil {
			passed++
			fmt.Printf("ok    %s (%s)\n", c.name, took)
			continue
		}
		failed++
		fmt.Printf("FAIL  %s (%s): %v\n", c.name, took, err)
		dir := filepath.Join(o.artifacts, strings.ReplaceAll(c.name, " ", "-"))
		errs = append(errs, w.keepEvidence(dir))
		if ctx.Err() != nil {
			break
		}
	}
	fmt.Printf("%d checks: %d passed, %d failed, in %s\n", passed+failed, passed, failed, time.Since(start).Round(time.Second))
	if failed > 0 {
		errs = append(errs, fmt.Errorf("%d checks failed", failed))
	}
	if passed+failed == 0 {
		errs = append(errs, errors.New("no check has such a name"))
	}
	return errors.Join(errs...)
}

// keepEvidence writes the cluster's logs, events and objects into a folder, and
// names it.
func (w *world) keepEvidence(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find the folder of the evidence: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of the evidence: %w", err)
	}
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
	fmt.Printf("      its logs, events and objects are in %s\n", dir)
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
