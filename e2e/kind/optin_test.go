package kind

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// levels is where the annotation restore stands, and what it says there.
type levels struct{ claim, backup, namespace string }

// checkOptIn loses claims that are opted in or out at each level. None of them
// has a pod.
func checkOptIn(ctx context.Context, w *world) error {
	cases := map[string]struct {
		levels
		restored bool
	}{
		"by the claim":                                {levels{claim: "latest"}, true},
		"by the KafkaBackup":                          {levels{backup: "latest"}, true},
		"by the namespace":                            {levels{namespace: "latest"}, true},
		"by nobody":                                   {levels{}, false},
		"in by the namespace, out by the claim":       {levels{namespace: "latest", claim: "off"}, false},
		"in by the namespace, out by the KafkaBackup": {levels{namespace: "latest", backup: "off"}, false},
		"out by the namespace, in by the claim":       {levels{namespace: "off", claim: "latest"}, true},
	}
	all, ctx := errgroup.WithContext(ctx)
	for name, c := range cases {
		all.Go(func() error {
			again, err := w.loseUnderLevels(ctx, c.levels)
			if err == nil && (again.Spec.DataSource != nil) != c.restored {
				err = fmt.Errorf("restored is to be %t, its dataSource is %v", c.restored, again.Spec.DataSource)
			}
			if err != nil {
				return fmt.Errorf("opted %s: %w", name, err)
			}
			return nil
		})
	}
	return all.Wait()
}

// loseUnderLevels backs a claim up, deletes it, and returns the one that takes
// its place, bound.
func (w *world) loseUnderLevels(ctx context.Context, l levels) (*corev1.PersistentVolumeClaim, error) {
	at := func(value string) map[string]string {
		if value == "" {
			return nil
		}
		return map[string]string{v1alpha1.AnnotationRestore: value}
	}
	namespace, err := w.namespace(ctx, "optin", at(l.namespace))
	if err != nil {
		return nil, err
	}
	claim := func() *corev1.PersistentVolumeClaim {
		b := koperatorClaim("events", 0).In(namespace).Class(immediateClass)
		for key, value := range at(l.claim) {
			b.Annotate(key, value)
		}
		return b.Obj()
	}
	backup := snapshotstest.NewBackup("backup", "events", snapshotClass).In(namespace)
	for key, value := range at(l.backup) {
		backup.Annotate(key, value)
	}
	lost, err := w.createBound(ctx, claim())
	if err != nil {
		return nil, err
	}
	if err := w.backUp(ctx, backup, 1); err != nil {
		return nil, err
	}
	if err := w.deleteClaim(ctx, lost); err != nil {
		return nil, err
	}
	return w.createBound(ctx, claim())
}

// createBound creates a claim that needs no pod and waits for its volume.
func (w *world) createBound(ctx context.Context, claim *corev1.PersistentVolumeClaim) (*corev1.PersistentVolumeClaim, error) {
	if err := w.Create(ctx, claim); err != nil {
		return nil, fmt.Errorf("create a claim: %w", err)
	}
	return claim, eventually(ctx, func(ctx context.Context) error {
		err := w.Get(ctx, client.ObjectKeyFromObject(claim), claim)
		if err == nil && claim.Status.Phase != corev1.ClaimBound {
			err = fmt.Errorf("claim %s is %s", claim.Name, claim.Status.Phase)
		}
		return err
	})
}

// deleteClaim deletes a claim and waits until it is gone.
func (w *world) deleteClaim(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	if err := w.Delete(ctx, claim); err != nil {
		return fmt.Errorf("delete claim %s: %w", claim.Name, err)
	}
	return eventually(ctx, func(ctx context.Context) error {
		err := w.Get(ctx, client.ObjectKeyFromObject(claim), &corev1.PersistentVolumeClaim{})
		if err == nil {
			err = fmt.Errorf("claim %s is still there", claim.Name)
		}
		return client.IgnoreNotFound(err)
	})
}
